// SPDX-License-Identifier: GPL-2.0-or-later
/* The measuring of `weir cost`. The figures that are compared with each other are taken in turn, round by
 * round, so that a machine that gets slower or faster in between changes all of them alike. */
#include "command/cost.h"

#include "observe/inject.h"
#include "observe/stage_rules.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROUND_NS 20e6
#define CALIBRATION_PACKETS 20000u
#define PACKETS_MIN 5000u
#define PACKETS_MAX 1000000u
#define ATTEMPTS 5

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void figure_finish(struct figure *figure, const struct figure *injection)
{
	double sorted[COST_ROUNDS];

	if (!figure->count)
		return;
	memcpy(sorted, figure->rounds, sizeof(sorted));
	qsort(sorted, figure->count, sizeof(*sorted), compare);
	figure->median = sorted[figure->count / 2];
	figure->low = sorted[figure->count / 4];
	figure->high = sorted[figure->count - 1 - figure->count / 4];
	for (size_t i = 0; i < figure->count; i++)
		sorted[i] = figure->rounds[i] - (injection ? injection->rounds[i] : 0);
	qsort(sorted, figure->count, sizeof(*sorted), compare);
	figure->net = sorted[figure->count / 2] > 0 ? sorted[figure->count / 2] : 0;
}

/* A packet that was lost on the way (its ring was full, for another process had the processor) would have
 * cost nothing: such a run is made again. */
int cost_sample(struct stage *stage, struct injector *injector, int program, uint32_t packets,
		double *nanoseconds)
{
	int error = stage_put_program(stage, program);

	for (int attempt = 0; !error && attempt < ATTEMPTS; attempt++) {
		uint64_t before = 0, after = 0;

		error = stage_received(stage, &before);
		if (!error)
			error = injector_run(injector, packets, nanoseconds);
		if (!error)
			error = stage_received(stage, &after);
		if (!error && after - before >= packets)
			return 0;
	}
	return error ? error : -EAGAIN;
}

static int measure_into(struct cost *cost, uint32_t packets, struct injector *injector, int program,
			struct figure *figure)
{
	double nanoseconds = 0;
	/* The caches that another program or path has used are this one's first. */
	int error = cost_sample(&cost->stage, injector, program, packets / 8 + 1, &nanoseconds);

	if (!error)
		error = cost_sample(&cost->stage, injector, program, packets, &nanoseconds);
	if (!error)
		figure->rounds[figure->count++] = nanoseconds;
	return error;
}

static int injector_make(struct cost *cost, const struct cost_kind *kind, struct injector **injector)
{
	return injector_new(&kind->traffic.frames, cost->stage.interface_index, cost->stage.through_index,
			    injector);
}

/* How many packets take about ROUND_NS with that program in front. */
static int calibrate(struct cost *cost, struct injector *injector, int program, uint32_t *packets)
{
	double nanoseconds = 0, fit;
	int error;

	*packets = cost->packets;
	if (*packets)
		return 0;
	error = cost_sample(&cost->stage, injector, program, CALIBRATION_PACKETS, &nanoseconds);
	if (error)
		return error;
	fit = ROUND_NS / (nanoseconds > 1 ? nanoseconds : 1);
	*packets = fit < PACKETS_MIN ? PACKETS_MIN : fit > PACKETS_MAX ? PACKETS_MAX : (uint32_t)fit;
	return 0;
}

/* The path without rules. Its injection is measured beside it; the absolute figures of `bare` are stored as
 * if both had been taken together with the later ones: corrected by how the injection has changed in between.
 */
static int measure_bare(struct cost *cost, struct cost_kind *kind)
{
	__attribute__((cleanup(injector_cleanup))) struct injector *injector = NULL;
	int error = injector_make(cost, kind, &injector), discard;
	uint32_t injected = 0, bare = 0;

	if (error)
		return error;
	discard = injector_program(injector, INJECTOR_DISCARD);
	error = calibrate(cost, injector, discard, &injected);
	if (!error)
		error = calibrate(cost, injector, -1, &bare);
	for (int round = 0; round < COST_ROUNDS && !error; round++) {
		error = measure_into(cost, injected, injector, discard, &kind->injection);
		if (!error)
			error = measure_into(cost, bare, injector, -1, &kind->bare);
	}
	if (!error)
		error = stage_put_program(&cost->stage, -1);
	figure_finish(&kind->injection, NULL);
	figure_finish(&kind->bare, &kind->injection);
	return error;
}

/* A round in which weir costs less than a nanosecond says no more than "a nanosecond". */
static double middle_ratio(const struct cost_kind *kind)
{
	double ratios[COST_ROUNDS];
	size_t count = kind->weir.count;

	for (size_t i = 0; i < count; i++) {
		double weir = kind->weir.rounds[i] - kind->injection.rounds[i];

		ratios[i] = (kind->alone.rounds[i] - kind->injection.rounds[i]) / (weir > 1 ? weir : 1);
	}
	/* cppcheck-suppress uninitvar ; those below count were set */
	qsort(ratios, count, sizeof(*ratios), compare);
	return count ? ratios[count / 2] : 0;
}

static int measure_rules(struct cost *cost, struct cost_kind *kind, int weir)
{
	__attribute__((cleanup(injector_cleanup))) struct injector *injector = NULL;
	int error = injector_make(cost, kind, &injector), discard;
	double earlier = kind->injection.median;
	uint32_t injected = 0, fronted = 0;

	if (error)
		return error;
	kind->injection.count = 0;
	discard = injector_program(injector, INJECTOR_DISCARD);
	error = calibrate(cost, injector, discard, &injected);
	if (!error)
		error = calibrate(cost, injector, -1, &kind->packets);
	if (!error)
		error = calibrate(cost, injector, weir, &fronted);
	for (int round = 0; round < COST_ROUNDS && !error; round++) {
		error = measure_into(cost, injected, injector, discard, &kind->injection);
		if (!error)
			error = measure_into(cost, kind->packets, injector, -1, &kind->alone);
		if (!error)
			error = measure_into(cost, fronted, injector, weir, &kind->weir);
		if (!error)
			kind->added.rounds[kind->added.count++] =
			    kind->weir.rounds[round] - kind->alone.rounds[round];
	}
	if (!error)
		error = stage_put_program(&cost->stage, -1);
	figure_finish(&kind->injection, NULL);
	figure_finish(&kind->alone, &kind->injection);
	figure_finish(&kind->weir, &kind->injection);
	figure_finish(&kind->added, NULL);
	kind->cheaper = middle_ratio(kind);
	kind->bare.median += kind->injection.median - earlier;
	kind->bare.low += kind->injection.median - earlier;
	kind->bare.high += kind->injection.median - earlier;
	return error;
}

/* The frames are made and received on the processor of the caller: moving costs caches, and what others run
 * there in between would be taken for the packets' cost. Where either is refused the spread of the rounds
 * tells. */
void cost_stay_here(void)
{
	int processor = sched_getcpu();
	cpu_set_t set;

	if (processor >= 0) {
		CPU_ZERO(&set);
		CPU_SET(processor, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	setpriority(PRIO_PROCESS, 0, -20);
}

int cost_refused(struct buffer *why, const char *what, int error)
{
	if (!error || why->size)
		return error;
	if (error == -EAGAIN)
		buffer_printf(why, "%s: packets were lost on the way each time; is the machine too busy?",
			      what);
	else if (error == -ENOTSUP)
		buffer_printf(why, "%s: this kernel cannot inject frames (needs Linux 5.18)", what);
	else
		buffer_printf(why, "%s: %s", what, strerror(-error));
	return error;
}

int cost_make_local(const struct cost *cost, struct stage *stage, struct buffer *why)
{
	for (size_t k = 0; k < cost->kind_count; k++) {
		const struct traffic *traffic = &cost->kinds[k].traffic;

		for (size_t i = 0; i < traffic->local_count; i++) {
			int error =
			    stage_add_local(stage, traffic->locals[i].family, traffic->locals[i].value);

			if (error)
				return cost_refused(why, "giving the interface its addresses", error);
		}
	}
	return 0;
}

int cost_measure(struct cost *cost, struct buffer *why)
{
	int error = cost_make_local(cost, &cost->stage, why), weir;

	if (error)
		return error;
	cost_stay_here();
	for (size_t k = 0; k < cost->kind_count; k++) {
		error = cost->kinds[k].missing ? 0 : measure_bare(cost, &cost->kinds[k]);
		if (error)
			return cost_refused(why, "measuring without rules", error);
	}
	error = stage_load_rules(cost->ruleset, cost->flavours, why);
	if (error)
		return cost_refused(why, "loading the rules", error);
	weir = cost_take_weir(cost, why);
	if (weir < 0)
		return cost_refused(why, "attaching weir", weir);
	for (size_t k = 0; k < cost->kind_count && !error; k++)
		error = cost->kinds[k].missing ? 0 : measure_rules(cost, &cost->kinds[k], weir);
	close(weir);
	return error ? cost_refused(why, "measuring", error) : 0;
}
