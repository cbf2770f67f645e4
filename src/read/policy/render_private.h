/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of rendering share among themselves.
 *
 * Rules are appended table by table and family by family: what comes first in a chain is what is added first.
 * Memory that runs out is noted in `failed`, and looked at in the end. */
#ifndef WEIR_READ_POLICY_RENDER_PRIVATE_H
#define WEIR_READ_POLICY_RENDER_PRIVATE_H

#include "extension/hashlimit.h"
#include "read/policy/render.h"

/* A text that grows, and whose each line is. */
struct section {
	struct buffer text;
	struct policy_line *lines;
	size_t line_count, line_capacity;
};

struct render {
	struct arena *arena;
	const struct policy_tree *tree;
	const struct policy_render_options *options;
	struct diagnostics *sink;
	struct section chains[FAMILY_COUNT][TABLE_COUNT]; /* ":weir-balance-1 - [0:0]" */
	struct section rules[FAMILY_COUNT][TABLE_COUNT];
	struct section tail[FAMILY_COUNT]; /* of filter */
	struct section sets;
	bool *set_used;    /* by index in the tree's sets */
	unsigned *numbers; /* of statements among those of their kind, from 1 */
	bool failed, refused;
	bool too_large; /* nothing more is written then */
};

/* Of a statement the first line is shown. */
struct span render_statement_span(struct span span);

__attribute__((format(printf, 3, 4))) void section_add(struct render *render, struct section *section,
						       const char *format, ...);
/* Begins a line of that span. */
void section_line(struct render *render, struct section *section, struct span span);
void section_fini(struct section *section);

/* One rule, from "-A CHAIN" on, without its line's end. */
__attribute__((format(printf, 5, 6))) void render_rule(struct render *render, enum family family,
						       enum table_id table, struct span span,
						       const char *format, ...);
/* Declares a chain of weir's own. */
void render_chain(struct render *render, enum family family, enum table_id table, struct span span,
		  const char *name);
/* Whether the table has rules by now. */
bool render_has_rules(const struct render *render, enum family family, enum table_id table);

void render_refuse(struct render *render, struct span span, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- render_selector.c: which packets a statement is about ------------------------------------------------
 */

/* Options of rules, each with a leading blank: a packet is meant when it matches one of them. */
struct conditions {
	const char **texts;
	size_t count, capacity;
};

struct selector_place {
	enum family family;
	enum hook hook;
	bool answers; /* packets of the other direction: source and destination are exchanged */
	bool no_devices;
	bool for_host;        /* where the statement says no destination: what is for the host itself */
	bool not_lo;          /* not what goes over lo, where the statement names no device */
	bool syn;             /* TCP segments that open a connection */
	uint8_t protocol;     /* this one alone, which it names, or where it names none; 0: as it says */
	uint8_t but_protocol; /* not this one of those that it names; 0: all */
};
/* None: no packet of that family. */
void selector_conditions(struct render *render, const struct policy_selector *selector,
			 const struct selector_place *place, struct conditions *conditions);

/* Rules in `chain` that lead the packets to `action` (options and target), each of them once, though it may
 * match several conditions: by one rule, or by chains of the given name where there are more. */
void render_once(struct render *render, const struct selector_place *place, enum table_id table,
		 const char *chain, const char *name, const struct conditions *conditions, struct span span,
		 const char *action);

/* "192.0.2.1" */
const char *render_address(struct render *render, enum family family, address value);

/* --- the tables ---------------------------------------------------------------------------------------- */

void render_raw(struct render *render, enum family family);
void render_mirrors(struct render *render, enum family family);
void render_balances(struct render *render, enum family family);
void render_filter(struct render *render, enum family family);
void render_sets(struct render *render);

/* Chains of what ICMPv6 and ICMP must do: declared once in a table. */
void render_neighbours(struct render *render, enum family family, enum table_id table, const char *hook,
		       struct span span);

/* Number of the statement among those of its kind, from 1: what its chains are called by. */
unsigned render_number(const struct render *render, const struct policy_statement *statement);

/* balance: backends of the slots of one round, or of the parts of all sources. */
#define BALANCE_SLOTS_MAX 1024
size_t balance_slots(const struct policy_balance *balance, const bool *down, uint16_t *slots);
#define BALANCE_PARTS 32
void balance_parts(const struct policy_balance *balance, const bool *down, uint16_t parts[BALANCE_PARTS]);

#endif
