// SPDX-License-Identifier: GPL-2.0-or-later
/* What runs for each frame: key, look-up, rates where there are any, counters. It can drop and it can pass;
 * there is nothing else it could do to a frame. Runs on Linux 5.15 and later; see plane/xdp.h for its maps.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "packet/parse.h"
#include "plane/lookup.h"

char LICENSE[] SEC("license") = "GPL";

/* The blob's size less one, set before the program is loaded. */
const volatile __u64 weir_mask = PLANE_SIZE_MIN - 1;
/* Counters of a CPU. */
const volatile __u32 weir_stride = 1;
/* Whether anything depends on a rate. */
const volatile __u32 weir_limits = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, PLANE_SIZE_MIN);
} weir_blob SEC(".maps");

struct weir_count {
	__u64 packets, bytes;
};

/* One for each possible CPU and slot, at cpu * stride + slot. Not a per-CPU map: the look-up in a plain array
 * is inlined on every kernel, that in a per-CPU one is a call before Linux 6.10, and a plain array can be
 * read whole with mmap(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct weir_count);
} weir_counters SEC(".maps");

/* The buckets of limits (layout.h). When there is no room for another source, those go that sent nothing for
 * longest: they have their bursts again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct plane_source);
	__type(value, __u64);
} weir_sources SEC(".maps");

/* Whether the packet is above the limit. The exchange fails when another CPU has taken from the bucket at the
 * same time, or when it has become another source's: the packet passes all the same, so what is let through
 * is never less than the rate allows. Nor is it where the map has no room, or no memory. */
static __always_inline int weir_above(const struct plane_limit *limit, const struct packet_key *key)
{
	struct plane_source source;
	plane_limit_source(limit, key, &source);
	__u64 *bucket = bpf_map_lookup_elem(&weir_sources, &source);
	__u64 before = bucket ? *(volatile __u64 *)bucket : 0;
	__u64 after = plane_limit_take(limit, before, bpf_ktime_get_ns());
	if (!after)
		return 1;
	if (bucket)
		__sync_val_compare_and_swap(bucket, before, after);
	else
		bpf_map_update_elem(&weir_sources, &source, &after, BPF_NOEXIST);
	return 0;
}

/* 1 when counted. */
static __always_inline int count(__u32 slot, __u32 bytes, __u32 first)
{
	__u32 index = first + slot;
	struct weir_count *counter = bpf_map_lookup_elem(&weir_counters, &index);
	if (!counter)
		return 0;
	counter->packets++;
	counter->bytes += bytes;
	return 1;
}

static __always_inline void count_direct(const struct plane_family *family, __u32 entry, __u32 source,
					 __u32 pair, __u32 bytes)
{
	__u32 first = bpf_get_smp_processor_id() * weir_stride;
	__u32 slot = plane_direct_source(family, entry, source);
	if (slot)
		count(slot, bytes, first);
	slot = plane_direct_pair(family, entry, pair);
	if (slot)
		count(slot, bytes, first);
}

/* The rest of the look-up, and what most drops do not need of counting, is a function of its own, and not
 * static, so that the verifier goes over it once and not for each way in which a frame can be parsed. The
 * verdict. */
__attribute__((noinline)) int weir_walk_rest(const struct packet_key *key, const struct plane_start *start)
{
	__u32 zero = 0;
	const __u8 *blob = bpf_map_lookup_elem(&weir_blob, &zero);
	if (!blob || !key || !start)
		return XDP_PASS;
	const struct plane_header *header = (const struct plane_header *)blob;
	const struct plane_family *family = &header->families[0];
	if (key->family == 6)
		family = &header->families[1];
	struct plane_leaves leaves;
	plane_leaves_begin(&leaves, start);
	__u64 mask = weir_mask;
	__u32 entry = plane_walk_rest(blob, mask, family, key, &leaves, start->entry);
	if (!(entry & PLANE_DROP)) {
		const struct plane_limit *limit = plane_limit_of(blob, mask, family, entry);
		if (!limit || !weir_limits || !weir_above(limit, key))
			return XDP_PASS;
		entry = limit->drop;
	}
	__u32 hits = plane_hit_count(entry);
	if (hits == PLANE_HITS_DIRECT) {
		count_direct(family, entry, leaves.source, leaves.pair[PLANE_PAIR_FAST], key->length);
		return XDP_DROP;
	}
	__u32 first = bpf_get_smp_processor_id() * weir_stride;
	for (__u32 i = 0; i < PLANE_HITS_MAX; i++) {
		if (i >= hits)
			break;
		__u32 slot = plane_hit_slot(blob, mask, family, &leaves, entry, i);
		if (slot)
			count(slot, key->length, first);
	}
	return XDP_DROP;
}

/* All of it for one family, `version` being a constant: so each has its values in registers. */
static __always_inline int weir_judge(const __u8 *blob, const __u8 *frame, const __u8 *end, int version)
{
	const struct plane_header *header = (const struct plane_header *)blob;
	int index = version == 4 ? 0 : 1;
	const struct plane_family *family = &header->families[index];
	__u64 source[2];
	if (header->present[index] != version || !parse_source(frame, end, version, source))
		return XDP_PASS;
	/* Most packets of most hosts end here: their headers are for the kernel alone to read. */
	__u64 found = plane_source_find(blob, weir_mask, family, source, version);
	if (!found && family->others_pass)
		return XDP_PASS;
	struct packet_key key;
	if (!parse_network(frame, end, version, &key))
		return XDP_PASS;
	struct plane_start start = plane_walk_begin(blob, weir_mask, family, &key, found, version);
	if (start.entry & PLANE_END) {
		if (start.entry == PLANE_PASS)
			return XDP_PASS;
		if (plane_hit_count(start.entry) == PLANE_HITS_DIRECT) {
			count_direct(family, start.entry, start.source, start.pair, key.length);
			return XDP_DROP;
		}
	}
	/* Copies: what only these few packets need in memory stays in registers for the others. */
	struct packet_key rest_key = key;
	struct plane_start rest_start = start;
	return weir_walk_rest(&rest_key, &rest_start);
}

static __always_inline int weir_xdp_run(struct xdp_md *context)
{
	const __u8 *frame = (const __u8 *)(long)context->data;
	const __u8 *end = (const __u8 *)(long)context->data_end;
	__u32 zero = 0;
	const __u8 *blob = bpf_map_lookup_elem(&weir_blob, &zero);
	if (!blob)
		return XDP_PASS;
	int version = parse_ethernet(frame, end, ((const struct plane_header *)blob)->mac);
	if (version == 4)
		return weir_judge(blob, frame, end, 4);
	return version == 6 ? weir_judge(blob, frame, end, 6) : XDP_PASS;
}

SEC("xdp")
int weir_xdp(struct xdp_md *context)
{
	return weir_xdp_run(context);
}
