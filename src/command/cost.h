/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of `weir cost` share: its options, its figures. */
#ifndef WEIR_COMMAND_COST_H
#define WEIR_COMMAND_COST_H

#include "command/cost_traffic.h"
#include "observe/stage.h"
#include "plane/plane.h"

#define COST_ROUNDS 51
#define COST_KINDS_MAX 4

struct injector;
struct json_object;

/* ns per packet: the middle of the rounds, and the quarter of them below and above. */
struct figure {
	double median, low, high;
	double net; /* without the injection: the middle of the rounds' differences to it */
	size_t count;
	double rounds[COST_ROUNDS];
};

/* One kind of traffic. What `injection` is: the same frames by the same way, dropped by an XDP program of two
 * instructions at the receiving end: making the frame, sending it over the veth pair, polling it there,
 * calling a program. It is measured in turn with the others and taken off each of them in what is printed. */
struct cost_kind {
	struct traffic traffic;
	const char *missing; /* no such packet was found: what was looked for; no figures */
	uint32_t packets;    /* in each round of the rules alone */
	struct figure injection;
	struct figure bare;  /* up the receive path with no rules in the kernel */
	struct figure alone; /* with the rules */
	struct figure weir;  /* with the rules and weir in front */
	struct figure added; /* weir - alone, round by round */
	double cheaper;      /* alone / weir, both without the injection: the middle of the rounds' ratios */
};

struct cost {
	const struct ruleset *ruleset;
	char interface[INTERFACE_NAME_MAX];
	enum flavour flavours[FAMILY_COUNT];
	uint32_t packets; /* 0: as many as fit a fraction of a second */
	double rate;
	unsigned allowed; /* enum effect */
	struct region *regions[FAMILY_COUNT];
	struct plane *plane;
	double compile_seconds;
	struct stage stage;
	size_t kind_count;
	struct cost_kind kinds[COST_KINDS_MAX];
};

/* Regions and plane, proven: as they would be attached on a host that does not forward. 0, or -errno with
 * `why`. */
int cost_compile(struct cost *cost, struct buffer *why);
/* A descriptor of weir's program, loaded with these tables for the stage's interface, or -errno with `why`.
 */
int cost_take_weir(struct cost *cost, struct buffer *why);
/* All figures: first those without rules, then the rules are loaded. 0, or -errno with `why`. */
int cost_measure(struct cost *cost, struct buffer *why);

/* --- What weir optimize measures with, too */

/* The interface that most rules name as where packets come in; eth0 when none is named. */
void cost_choose_interface(const struct ruleset *ruleset, char interface[INTERFACE_NAME_MAX]);
/* Kinds of packets from the rules, for cost->stage, by cost->regions. 0 or -ENOMEM. */
int cost_find_traffic(struct cost *cost);
/* Their destinations become the stage's own addresses. 0, or -errno with `why`. */
int cost_make_local(const struct cost *cost, struct stage *stage, struct buffer *why);
void cost_fini(struct cost *cost);
/* The calling process stays on its processor and is not put aside for others, as far as it may. */
void cost_stay_here(void);
/* Sends that many packets at the stage of this network namespace, with that program (-1: none) in front, so
 * that none is lost. 0, or -errno: -EAGAIN when packets were lost each time. */
int cost_sample(struct stage *stage, struct injector *injector, int program, uint32_t packets,
		double *nanoseconds);
/* What lies between the rounds of `figure`; `injection` has been measured in the same rounds, and is taken
 * off: a machine that is slower in one of them is so for both. NULL: nothing is. */
void figure_finish(struct figure *figure, const struct figure *injection);
/* Says what failed, if it did and unless something is said already; gives `error` back. */
int cost_refused(struct buffer *why, const char *what, int error);

void cost_print(const struct cost *cost, struct buffer *out);
struct json_object *cost_json(const struct cost *cost);

#endif
