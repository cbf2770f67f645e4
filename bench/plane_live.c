// SPDX-License-Identifier: GPL-2.0-or-later
/* What live frames cost at an interface on which weir is attached, beside the two programs to compare with:
 * one that drops at once (the injection), and one that parses as far as the ports, counts and drops (the
 * floor).
 *
 *     plane_live INTERFACE OBJECT CAPTURE
 *
 * in a namespace with the stage (weir-inject stage); OBJECT is plane_floor.bpf.o; CAPTURE has Ethernet frames
 * with IPv4 packets. The three are measured in turn, round by round. The attached program is put back. */
#include "observe/inject.h"
#include "observe/stage.h"
#include "packet/capture.h"
#include "plane/layout.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ETHERNET_HEADER 14
#define ROUNDS 15
#define PACKETS 100000u
#define ATTEMPTS 5

enum kind { DISCARD, FLOOR, WEIR, KINDS };

static int fail(const char *what, int error)
{
	fprintf(stderr, "plane_live: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return 3;
}

static int read_frames(const char *path, struct frames *frames, struct buffer *why)
{
	__attribute__((cleanup(capture_cleanup))) struct capture *capture = NULL;
	struct capture_frame frame;
	int error = capture_open(path, &capture, why), more = 1;

	while (!error && (more = capture_next(capture, &frame, why)) > 0)
		if (frame.captured > ETHERNET_HEADER)
			error = frames_add_network(frames, FAMILY_IPV4, frame.data + ETHERNET_HEADER,
						   frame.captured - ETHERNET_HEADER);
	return more < 0 ? more : error;
}

/* The floor asks the blob for nothing but the interface's address. */
static int load_floor(const char *path, const uint8_t mac[6], struct bpf_object **object)
{
	uint8_t blob[PLANE_SIZE_MIN] = {0};
	uint32_t zero = 0;
	struct bpf_map *counters;
	int error;

	*object = bpf_object__open_file(path, NULL);
	if (!*object)
		return -errno;
	counters = bpf_object__find_map_by_name(*object, "weir_counters");
	error = bpf_map__set_max_entries(counters, 2 * (uint32_t)libbpf_num_possible_cpus());
	if (!error)
		error = bpf_object__load(*object);
	if (error)
		return error;
	memcpy(blob + offsetof(struct plane_header, mac), mac, 6);
	return bpf_map_update_elem(bpf_object__find_map_fd_by_name(*object, "weir_blob"), &zero, blob, 0)
		   ? -errno
		   : 0;
}

static int measure(struct stage *stage, struct injector *injector, int program, double *nanoseconds)
{
	int error = stage_put_program(stage, program);

	for (int attempt = 0; !error && attempt < ATTEMPTS; attempt++) {
		uint64_t before = 0, after = 0;

		error = injector_run(injector, PACKETS / 8, nanoseconds);
		if (!error)
			error = stage_received(stage, &before);
		if (!error)
			error = injector_run(injector, PACKETS, nanoseconds);
		if (!error)
			error = stage_received(stage, &after);
		if (!error && after - before >= PACKETS)
			return 0;
	}
	return error ? error : -EAGAIN;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int measure_all(struct stage *stage, struct injector *injector, const int programs[KINDS])
{
	double rounds[KINDS][ROUNDS], net[KINDS][ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
		for (int kind = 0; kind < KINDS; kind++) {
			int error = measure(stage, injector, programs[kind], &rounds[kind][round]);
			if (error)
				return error;
			net[kind][round] = rounds[kind][round] - rounds[DISCARD][round];
		}
	for (int kind = 0; kind < KINDS; kind++) {
		qsort(net[kind], ROUNDS, sizeof(double), compare);
		qsort(rounds[kind], ROUNDS, sizeof(double), compare);
	}
	printf("injection %.0f  floor %.0f  weir %.0f ns (medians, injection taken off; least in all %.0f "
	       "%.0f %.0f)\n",
	       rounds[DISCARD][ROUNDS / 2], net[FLOOR][ROUNDS / 2], net[WEIR][ROUNDS / 2], rounds[DISCARD][0],
	       rounds[FLOOR][0], rounds[WEIR][0]);
	return 0;
}

int main(int argc, char **argv)
{
	struct buffer why = {0};
	struct stage stage;
	struct frames frames = {.arena = arena_new()};
	struct injector *injector = NULL;
	struct bpf_object *object = NULL;
	int programs[KINDS], error, processor = sched_getcpu();
	cpu_set_t set;

	if (argc != 4) {
		fputs("usage: plane_live INTERFACE OBJECT CAPTURE\n", stderr);
		return 2;
	}
	if (!frames.arena)
		return fail("memory", ENOMEM);
	CPU_ZERO(&set);
	CPU_SET(processor < 0 ? 0 : processor, &set);
	sched_setaffinity(0, sizeof(set), &set);
	error = stage_join(&stage, argv[1], STAGE_THROUGH, &why);
	if (error)
		return fail(why.data ? why.data : "joining the stage", error);
	memcpy(frames.destination, stage.interface_mac, 6);
	memcpy(frames.source, stage.through_mac, 6);
	programs[WEIR] = stage_get_program(&stage);
	if (programs[WEIR] < 0)
		return fail("weir's program", programs[WEIR]);
	error = read_frames(argv[3], &frames, &why);
	if (error)
		return fail(why.data ? why.data : argv[3], error);
	error = load_floor(argv[2], stage.interface_mac, &object);
	if (error)
		return fail(argv[2], error);
	programs[FLOOR] = bpf_program__fd(bpf_object__find_program_by_name(object, "floor_live"));
	error = injector_new(&frames, stage.interface_index, stage.through_index, &injector);
	if (error)
		return fail("the injector", error);
	programs[DISCARD] = injector_program(injector, INJECTOR_DISCARD);
	error = measure_all(&stage, injector, programs);
	stage_put_program(&stage, programs[WEIR]);
	injector_free(injector);
	bpf_object__close(object);
	stage_close(&stage);
	arena_free(frames.arena);
	return error ? fail("measuring", error) : 0;
}
