/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loaded program is run on a few frames (BPF_PROG_TEST_RUN) before it stands in front of anything:
 * packets that the regions drop, or limit, the same ones under other MAC addresses, with a VLAN tag, cut
 * short; and compared with the look-up in user space. This is no proof of the tables (plane_prove() is); it
 * catches a kernel that runs the program differently. */
#include "kernel/attach.h"
#include "packet/parse.h"
#include "plane/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 256
#define SEEDS 6
#define MAPS_MAX 64
#define HEADER 20 /* bytes behind the IP header: enough for TCP */

struct frame {
	uint8_t bytes[FRAME_MAX] __attribute__((aligned(8)));
	uint32_t size;
};

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned checksum(const uint8_t *bytes, size_t size)
{
	unsigned sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (unsigned)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void put_transport(uint8_t *at, const struct packet *packet)
{
	if (packet->protocol == 1 || packet->protocol == 58) {
		at[0] = packet->icmp_type;
		at[1] = packet->icmp_code;
		return;
	}
	put16(at, packet->source_port);
	put16(at + 2, packet->destination_port);
	if (packet->protocol == 6) {
		at[12] = 5 << 4;
		at[13] = packet->tcp_flags;
	} else if (packet->protocol == 17 || packet->protocol == 136) {
		put16(at + 4, HEADER);
	} else if (packet->protocol == 33) {
		at[4] = 4;
	}
}

static void make_frame(const struct packet *packet, const uint8_t mac[6], struct frame *frame)
{
	bool fragment = packet->more_fragments || packet->fragment_offset;
	uint8_t *at = frame->bytes + 14;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, mac, 6);
	frame->bytes[6] = 2; /* a locally administered sender */
	if (packet->family == FAMILY_IPV4) {
		put16(frame->bytes + 12, 0x0800);
		at[0] = 0x45;
		put16(at + 2, 20 + HEADER);
		put16(at + 6, packet->fragment_offset | (packet->more_fragments ? 0x2000u : 0));
		at[8] = 64;
		at[9] = packet->protocol;
		memcpy(at + 12, packet->source, 4);
		memcpy(at + 16, packet->destination, 4);
		put16(at + 10, checksum(at, 20));
		at += 20;
	} else {
		put16(frame->bytes + 12, 0x86dd);
		at[0] = 0x60;
		put16(at + 4, HEADER + (fragment ? 8 : 0));
		at[6] = fragment ? 44 : packet->protocol;
		at[7] = 64;
		memcpy(at + 8, packet->source, 16);
		memcpy(at + 24, packet->destination, 16);
		at += 40;
		if (fragment) {
			at[0] = packet->protocol;
			put16(at + 2, (unsigned)packet->fragment_offset << 3 | packet->more_fragments);
			at += 8;
		}
	}
	put_transport(at, packet);
	frame->size = (uint32_t)(at + HEADER - frame->bytes);
}

struct rehearsal {
	int program, counters;
	int sources;   /* buckets of limits; -1: there are none */
	size_t stride; /* of the counters, more than 0 */
	const struct plane *plane;
	const uint8_t *mac;
	struct buffer *why;
};

/* Every copy of the slots that the run may have counted on. */
static int clear_slots(const struct rehearsal *rehearsal, const struct plane_answer *answer)
{
	struct tally *window;
	void *mapped;
	size_t size;
	int result = map_window(rehearsal->counters, true, &mapped, &size);

	if (result)
		return result;
	window = mapped;
	for (uint32_t i = 0; i < answer->hit_count && i < PLANE_HITS_MAX; i++)
		for (size_t at = answer->hits[i]; at < size / sizeof(*window); at += rehearsal->stride)
			window[at] = (struct tally){0};
	munmap(mapped, size);
	return 0;
}

/* The program's map of that name: a new descriptor. -ENOENT: it has none. */
static int open_map(int program, const char *name)
{
	struct bpf_prog_info info = {0};
	uint32_t ids[MAPS_MAX], size = sizeof(info);

	info.nr_map_ids = MAPS_MAX;
	info.map_ids = (uint64_t)(uintptr_t)ids;
	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return -errno;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info map = {0};
		int fd = bpf_map_get_fd_by_id(ids[i]);

		size = sizeof(map);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &map, &size) &&
		    !strncmp(map.name, name, sizeof(map.name)))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* A packet that passed because its bucket is full: again, with the bucket as empty as it gets. Behind it the
 * bucket is full again. */
static int run_above(const struct rehearsal *rehearsal, struct bpf_test_run_opts *run,
		     const struct plane_answer *answer)
{
	struct timespec now;
	uint64_t bucket;
	int result;

	clock_gettime(CLOCK_MONOTONIC, &now); /* bpf_ktime_get_ns() */
	bucket = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	bucket += answer->limit->tolerance + answer->limit->cost + 3600u * 1000000000ull;
	result = bpf_map_update_elem(rehearsal->sources, &answer->source, &bucket, BPF_ANY);
	if (!result)
		result = bpf_prog_test_run_opts(rehearsal->program, run);
	if (!result)
		result = bpf_map_delete_elem(rehearsal->sources, &answer->source);
	if (result) {
		buffer_printf(rehearsal->why, "cannot try the program's limits: %s", strerror(-result));
		return result;
	}
	if (run->retval == XDP_DROP)
		return clear_slots(rehearsal, answer);
	buffer_printf(rehearsal->why, "the program answers %u, not %u, above a limit", run->retval, XDP_DROP);
	return -EILSEQ;
}

static int run_frame(const struct rehearsal *rehearsal, const struct frame *frame, bool must_pass,
		     const char *what)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->bytes, .data_size_in = frame->size,
		    .repeat = 1);
	struct plane_answer answer = {0};
	struct packet_key key;
	uint32_t expected = XDP_PASS;
	int result;

	if (packet_parse_frame(frame->bytes, frame->bytes + frame->size, rehearsal->mac, &key)) {
		plane_look_up(rehearsal->plane, &key, &answer);
		if (answer.drop)
			expected = XDP_DROP;
	}
	result = bpf_prog_test_run_opts(rehearsal->program, &run);
	if (result) {
		buffer_printf(rehearsal->why, "cannot run the program on a frame: %s", strerror(-result));
		return result;
	}
	if (run.retval != expected || (must_pass && run.retval != XDP_PASS)) {
		buffer_printf(rehearsal->why, "the program answers %u, not %u, on a frame %s", run.retval,
			      must_pass ? (uint32_t)XDP_PASS : expected, what);
		return -EILSEQ;
	}
	if (answer.limit)
		return run_above(rehearsal, &run, &answer);
	return answer.drop ? clear_slots(rehearsal, &answer) : 0;
}

/* The frame, and variations of it that no rule may be applied to. */
static int run_variations(const struct rehearsal *rehearsal, const struct frame *frame)
{
	struct frame changed = *frame;
	int result = run_frame(rehearsal, frame, false, "of the region");

	changed.bytes[5] ^= 1;
	if (!result)
		result = run_frame(rehearsal, &changed, true, "for another host");
	memset(changed.bytes, 0xff, 6);
	if (!result)
		result = run_frame(rehearsal, &changed, true, "for all hosts");
	changed = *frame;
	changed.size = 14 + 12;
	if (!result)
		result = run_frame(rehearsal, &changed, true, "that is cut short");
	changed = *frame;
	memmove(changed.bytes + 16, changed.bytes + 12, changed.size - 12);
	put16(changed.bytes + 12, 0x8100);
	put16(changed.bytes + 14, 5);
	changed.size += 4;
	return result ? result : run_frame(rehearsal, &changed, true, "with a VLAN tag");
}

/* Frames of packets for which that diagram of the region is not 0. */
static int run_packets(const struct rehearsal *rehearsal, const struct region *region, diagram_node which,
		       uint64_t seeds)
{
	int8_t *values = malloc(diagram_variables(region->fields->diagram) + 1);
	int result = values ? 0 : -ENOMEM;

	for (uint64_t seed = 0; seed < seeds && !result; seed++) {
		struct packet packet = {.family = region->family};
		struct frame frame = {0};

		if (!diagram_witness(region->fields->diagram, which, seed, values) ||
		    fields_packet(region->fields, values, &packet))
			continue; /* predicates that contradict each other: no packet */
		make_frame(&packet, rehearsal->mac, &frame);
		result = run_variations(rehearsal, &frame);
	}
	free(values);
	return result;
}

static int run_regions(const struct rehearsal *rehearsal, const struct region *const regions[FAMILY_COUNT])
{
	int result = 0;

	for (enum family family = 0; family < FAMILY_COUNT && !result; family++) {
		const struct region *region = regions[family];

		if (!region || region->undecided || region->root == diagram_terminal(0))
			continue;
		result = run_packets(rehearsal, region, region->root, SEEDS);
		if (!result && region->limit_count)
			result = run_packets(rehearsal, region, region_limited(region), 1);
	}
	return result;
}

int attach_rehearse(int program, int counters, uint32_t stride, const struct plane *plane,
		    const uint8_t mac[6], const struct region *const regions[FAMILY_COUNT],
		    struct buffer *why)
{
	struct rehearsal rehearsal = {program, counters, -1, stride ? stride : 1, plane, mac, why};
	int result = 0;

	if (plane->limit_count) {
		rehearsal.sources = open_map(program, PLANE_XDP_SOURCES);
		if (rehearsal.sources < 0) {
			buffer_printf(why, "the program has no buckets for its limits: %s",
				      strerror(-rehearsal.sources));
			return rehearsal.sources;
		}
	}
	result = run_regions(&rehearsal, regions);
	if (rehearsal.sources >= 0)
		close(rehearsal.sources);
	return result;
}
