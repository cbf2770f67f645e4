/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir optimize: what a packet costs with the rules as they were and as they are written, measured on this
 * machine.
 *
 * Three stages stand side by side, each in a network namespace of its own: one where an XDP program takes the
 * packets at once, one with the input, one with the output. The same packets go to each of
 * them in turn, round by round, so that a machine that gets slower in between does so for all. A child
 * process does it: that this process stays where it is, that the namespaces go away with the child whatever
 * becomes of it, and that it can be ended when it takes too long. */
#include "command/optimize.h"

#include "base/clock.h"
#include "command/command.h"
#include "command/cost.h"
#include "command/reason.h"
#include "observe/inject.h"
#include "observe/stage_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOTAL_SECONDS 10.0  /* then the child is ended */
#define MEASURE_SECONDS 3.0 /* of those, for the rounds of all kinds of packets together */
#define ROUNDS_MIN 5        /* however long they take */
#define ROUND_NS 5e6        /* of one stage in one round */
#define CALIBRATION_PACKETS 512u
#define PACKETS_MIN 512u
#define PACKETS_MAX 200000u
#define REGION_NODES 1000000 /* to find packets by; some are found without */
#define WHY_MAX 480

enum place { PLACE_INJECTION, PLACE_BEFORE, PLACE_AFTER, PLACE_COUNT };

struct measured_kind {
	char name[32];
	enum family family;
	const char *missing; /* of this program's text: the child is a copy of it */
	size_t distinct;
	struct figure figures[PLACE_COUNT];
	double ratio, ratio_low, ratio_high; /* before / after, without the injection, of the rounds */
};

struct optimize_cost {
	char why[WHY_MAX]; /* not empty: it was not measured */
	bool done;
	char interface[INTERFACE_NAME_MAX];
	enum flavour flavours[FAMILY_COUNT];
	bool has_family[FAMILY_COUNT];
	size_t kind_count;
	struct measured_kind kinds[COST_KINDS_MAX];
};

/* --- In the child
 * ------------------------------------------------------------------------------------------------- */

struct place_state {
	struct stage stage;
	int namespace;
	struct injector *injector;
	uint32_t packets;
};

struct session {
	struct optimize_cost *result;
	const struct ruleset *rulesets[PLACE_COUNT];
	struct cost cost; /* the packets, and how they were found */
	struct place_state places[PLACE_COUNT];
	struct buffer why;
};

static int place_enter(const struct place_state *place)
{
	return setns(place->namespace, CLONE_NEWNET) ? -errno : 0;
}

static int place_open(struct session *session, struct place_state *place)
{
	int error = stage_open(&place->stage, session->cost.interface, &session->why);

	if (error)
		return error;
	place->namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return place->namespace < 0 ? -errno : 0;
}

/* What may be dropped early is looked for with no more effort than helps to find packets. */
static int find_packets(struct session *session)
{
	struct cost *cost = &session->cost;
	const struct region_options options = {.interface = cost->interface,
					       .forwarding = {TRUTH_NO, TRUTH_NO},
					       .nat = {TRUTH_UNKNOWN, TRUTH_UNKNOWN},
					       .node_budget = REGION_NODES};
	int error = 0;

	for (int family = 0; family < FAMILY_COUNT && !error; family++)
		if (cost->ruleset->has_family[family])
			error = region_compute(cost->ruleset, (enum family)family, &options,
					       &cost->regions[family]);
	if (!error)
		error = cost_find_traffic(cost);
	return cost_refused(&session->why, "looking for packets", error);
}

static int place_load(struct session *session, struct place_state *place, const struct ruleset *ruleset)
{
	int error = place_enter(place);

	if (!error)
		error = cost_make_local(&session->cost, &place->stage, &session->why);
	if (!error && ruleset)
		error = stage_load_rules(ruleset, session->cost.flavours, &session->why);
	return error;
}

static int sample(struct place_state *place, enum place which, uint32_t packets, double *nanoseconds)
{
	int program = which == PLACE_INJECTION ? injector_program(place->injector, INJECTOR_DISCARD) : -1;
	int error = place_enter(place);

	return error ? error : cost_sample(&place->stage, place->injector, program, packets, nanoseconds);
}

static int place_prepare(struct place_state *place, enum place which, const struct frames *frames)
{
	double nanoseconds = 0, fit;
	int error =
	    injector_new(frames, place->stage.interface_index, place->stage.through_index, &place->injector);

	if (!error)
		error = sample(place, which, CALIBRATION_PACKETS, &nanoseconds);
	if (error)
		return error;
	fit = ROUND_NS / (nanoseconds > 1 ? nanoseconds : 1);
	place->packets = fit < PACKETS_MIN ? PACKETS_MIN : fit > PACKETS_MAX ? PACKETS_MAX : (uint32_t)fit;
	return 0;
}

static int run_round(struct session *session, struct measured_kind *kind)
{
	int error = 0;

	for (int which = 0; which < PLACE_COUNT && !error; which++) {
		struct place_state *place = &session->places[which];
		struct figure *figure = &kind->figures[which];
		double nanoseconds = 0;

		/* The caches that the other stages have used are this one's first. */
		error = sample(place, (enum place)which, place->packets / 8 + 1, &nanoseconds);
		if (!error)
			error = sample(place, (enum place)which, place->packets, &nanoseconds);
		if (!error)
			figure->rounds[figure->count++] = nanoseconds;
	}
	return error;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Less than a nanosecond says no more than "a nanosecond". */
static void set_ratio(struct measured_kind *kind)
{
	const struct figure *figures = kind->figures;
	size_t count = figures[PLACE_AFTER].count;
	double ratios[COST_ROUNDS] = {0};

	for (size_t i = 0; i < count; i++) {
		double before = figures[PLACE_BEFORE].rounds[i] - figures[PLACE_INJECTION].rounds[i];
		double after = figures[PLACE_AFTER].rounds[i] - figures[PLACE_INJECTION].rounds[i];

		ratios[i] = (before > 1 ? before : 1) / (after > 1 ? after : 1);
	}
	qsort(ratios, count, sizeof(*ratios), compare);
	kind->ratio = ratios[count / 2];
	kind->ratio_low = ratios[count / 4];
	kind->ratio_high = ratios[count - 1 - count / 4];
}

static int measure_kind(struct session *session, const struct cost_kind *from, double seconds)
{
	struct measured_kind *kind = &session->result->kinds[session->result->kind_count];
	double end = clock_seconds() + seconds;
	int error = 0;

	snprintf(kind->name, sizeof(kind->name), "%s", from->traffic.kind);
	kind->family = from->traffic.family;
	kind->missing = from->missing;
	kind->distinct = from->traffic.frames.count;
	for (int which = 0; which < PLACE_COUNT && !kind->missing && !error; which++)
		error = place_prepare(&session->places[which], (enum place)which, &from->traffic.frames);
	for (int round = 0; round < COST_ROUNDS && !kind->missing && !error; round++) {
		if (round >= ROUNDS_MIN && clock_seconds() > end)
			break;
		error = run_round(session, kind);
	}
	for (int which = 0; which < PLACE_COUNT; which++) {
		injector_cleanup(&session->places[which].injector);
		session->places[which].injector = NULL;
		figure_finish(&kind->figures[which],
			      which == PLACE_INJECTION ? NULL : &kind->figures[PLACE_INJECTION]);
	}
	if (!error && !kind->missing)
		set_ratio(kind);
	if (!error)
		session->result->kind_count++;
	return cost_refused(&session->why, "measuring", error);
}

static int measure_all(struct session *session)
{
	const struct cost *cost = &session->cost;
	size_t found = 0;
	int error = 0;

	for (size_t i = 0; i < cost->kind_count; i++)
		found += !cost->kinds[i].missing;
	if (!found) {
		buffer_puts(&session->why, "no packet to this host was found that the rules drop or accept "
					   "for certain (what they forward is not measured)");
		return -ESRCH;
	}
	cost_stay_here();
	for (size_t i = 0; i < cost->kind_count && !error; i++)
		error = measure_kind(session, &cost->kinds[i], MEASURE_SECONDS / (double)found);
	return error;
}

static int session_run(struct session *session)
{
	int error = 0;

	for (int which = 0; which < PLACE_COUNT && !error; which++)
		error = place_open(session, &session->places[which]);
	session->cost.stage = session->places[0].stage; /* for its MAC addresses: they are all alike */
	if (!error)
		error = find_packets(session);
	for (int which = 0; which < PLACE_COUNT && !error; which++)
		error = place_load(session, &session->places[which], session->rulesets[which]);
	return error ? error : measure_all(session);
}

/* One line, whatever a program has said. */
static void set_why(struct optimize_cost *result, const char *text, size_t size)
{
	struct buffer clean = {0};

	for (size_t at = 0, end; at < size; at = end + 1) {
		for (end = at; end < size && text[end] != '\n'; end++)
			;
		if (end == at)
			continue;
		buffer_puts(&clean, clean.size ? "; " : "");
		clean_print((struct text){text + at, end - at}, &clean);
	}
	snprintf(result->why, sizeof(result->why), "%s",
		 clean.data && !clean.failed ? clean.data : "out of memory");
	buffer_fini(&clean);
}

static void child_run(const struct ruleset *before, const struct ruleset *after, struct optimize_cost *result)
{
	struct session session = {.result = result, .rulesets = {NULL, before, after}};
	struct cost *cost = &session.cost;
	int error;

	cost->ruleset = before;
	memcpy(cost->interface, result->interface, sizeof(cost->interface));
	memcpy(cost->flavours, result->flavours, sizeof(cost->flavours));
	error = session_run(&session);
	if (error && !session.why.size)
		buffer_puts(&session.why, strerror(-error));
	if (error)
		set_why(result, session.why.data ? session.why.data : "out of memory",
			session.why.data ? session.why.size : strlen("out of memory"));
	result->done = !error;
}

/* --- Around it
 * ---------------------------------------------------------------------------------------------------- */

/* Programs that the child runs are of its group, and go with it. */
static void child_wait(pid_t child, struct optimize_cost *result)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	double end = clock_seconds() + TOTAL_SECONDS;
	bool late = false;
	pid_t ended;

	while ((ended = waitpid(child, NULL, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
		if (!late && clock_seconds() > end) {
			late = true;
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
		}
		nanosleep(&pause, NULL);
	}
	if (result->done)
		return;
	if (late)
		snprintf(result->why, sizeof(result->why), "it would take longer than %.0f seconds",
			 TOTAL_SECONDS);
	else if (!*result->why)
		snprintf(result->why, sizeof(result->why), "the process that measures was ended");
}

int optimize_cost_measure(const struct ruleset *before, const struct ruleset *after,
			  struct optimize_cost **measured)
{
	/* The child writes into it. */
	struct optimize_cost *result =
	    mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), child;

	if (result == MAP_FAILED)
		return -errno;
	cost_choose_interface(before, result->interface);
	for (int family = 0; family < FAMILY_COUNT; family++) {
		result->flavours[family] = before->flavour[family];
		result->has_family[family] = before->has_family[family];
	}
	child = fork();
	if (child == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			child_run(before, after, result);
		_exit(0);
	}
	if (child < 0) {
		snprintf(result->why, sizeof(result->why), "no further process: %s", strerror(errno));
	} else {
		setpgid(child, child);
		command_progress_start("measuring what packets cost");
		child_wait(child, result);
		command_progress_stop();
	}
	*measured = result;
	return 0;
}

void optimize_cost_free(struct optimize_cost *measured)
{
	if (measured)
		munmap(measured, sizeof(*measured));
}

/* --- What comes out
 * ----------------------------------------------------------------------------------------------- */

static const char *family_text(enum family family)
{
	return family == FAMILY_IPV4 ? "IPv4" : "IPv6";
}

static const char *loader(const struct optimize_cost *measured)
{
	enum family family = measured->has_family[FAMILY_IPV4] ? FAMILY_IPV4 : FAMILY_IPV6;

	return measured->flavours[family] == FLAVOUR_NFT ? "iptables-nft" : "iptables-legacy";
}

static void print_ratio(const struct measured_kind *kind, struct buffer *out)
{
	if (kind->ratio_low <= 1 && kind->ratio_high >= 1)
		buffer_puts(out, "no difference to be seen");
	else if (kind->ratio >= 1)
		buffer_printf(out, "%.2f times cheaper (%.2f to %.2f)", kind->ratio, kind->ratio_low,
			      kind->ratio_high);
	else
		buffer_printf(out, "%.2f times dearer (%.2f to %.2f)", 1 / kind->ratio, 1 / kind->ratio_high,
			      1 / kind->ratio_low);
}

static void print_kind(const struct measured_kind *kind, struct buffer *out)
{
	const struct figure *before = &kind->figures[PLACE_BEFORE], *after = &kind->figures[PLACE_AFTER];

	buffer_printf(out, "  %s %s: ", family_text(kind->family), kind->name);
	if (kind->missing) {
		buffer_printf(out, "%s\n", kind->missing);
		return;
	}
	buffer_printf(out, "%.0f +-%.0f, now %.0f +-%.0f: ", before->net, (before->high - before->low) / 2,
		      after->net, (after->high - after->low) / 2);
	print_ratio(kind, out);
	buffer_puts(out, "\n");
}

void optimize_print_measured(const struct optimize_cost *measured, struct buffer *out)
{
	size_t rounds = 0;

	if (*measured->why) {
		buffer_printf(out, "not measured: %s\n", measured->why);
		return;
	}
	for (size_t i = 0; i < measured->kind_count; i++)
		if (!measured->kinds[i].missing && (!rounds || measured->kinds[i].figures[0].count < rounds))
			rounds = measured->kinds[i].figures[0].count;
	buffer_printf(out,
		      "ns per packet to this host by %s, measured here (%s, the middle of at least %zu "
		      "rounds):\n",
		      measured->interface, loader(measured), rounds);
	for (size_t i = 0; i < measured->kind_count; i++)
		print_kind(&measured->kinds[i], out);
}

static struct json_object *figure_json(const struct figure *figure, bool net)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "median", json_object_new_double(figure->median));
	json_object_object_add(object, "low", json_object_new_double(figure->low));
	json_object_object_add(object, "high", json_object_new_double(figure->high));
	if (net)
		json_object_object_add(object, "net", json_object_new_double(figure->net));
	return object;
}

static struct json_object *kind_json(const struct measured_kind *kind)
{
	static const char *const names[PLACE_COUNT] = {"injection", "before", "after"};
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "traffic", json_object_new_string(kind->name));
	json_object_object_add(object, "family", json_object_new_string(family_text(kind->family)));
	if (kind->missing) {
		json_object_object_add(object, "missing", json_object_new_string(kind->missing));
		return object;
	}
	json_object_object_add(object, "distinct", json_object_new_int64((int64_t)kind->distinct));
	json_object_object_add(object, "rounds", json_object_new_int64((int64_t)kind->figures[0].count));
	for (int which = 0; which < PLACE_COUNT; which++)
		json_object_object_add(object, names[which],
				       figure_json(&kind->figures[which], which != PLACE_INJECTION));
	json_object_object_add(object, "ratio", json_object_new_double(kind->ratio));
	json_object_object_add(object, "ratio_low", json_object_new_double(kind->ratio_low));
	json_object_object_add(object, "ratio_high", json_object_new_double(kind->ratio_high));
	return object;
}

struct json_object *optimize_measured_json(const struct optimize_cost *measured)
{
	struct json_object *object = json_object_new_object(), *kinds;

	if (*measured->why) {
		json_object_object_add(object, "not_measured", json_object_new_string(measured->why));
		return object;
	}
	json_object_object_add(object, "unit", json_object_new_string("ns per packet"));
	json_object_object_add(object, "interface", json_object_new_string(measured->interface));
	json_object_object_add(object, "loaded_by", json_object_new_string(loader(measured)));
	kinds = json_object_new_array();
	for (size_t i = 0; i < measured->kind_count; i++)
		json_object_array_add(kinds, kind_json(&measured->kinds[i]));
	json_object_object_add(object, "traffic", kinds);
	return object;
}
