// SPDX-License-Identifier: GPL-2.0-or-later
/* For plane_floor.c: the plane's own program behind a generator that gives each run another source address,
 * and the floor beside it: the same generator, a parser as far as the ports, and a counter. */
#include "plane/weir_xdp.bpf.c"

#define SOURCES 65536

__u32 sources[SOURCES];
__u32 source_count = 1;
__u32 position = 0;
__u64 base_sum = 0; /* of the IP header without source and checksum */

static __always_inline int generate(struct xdp_md *context)
{
	__u8 *frame = (__u8 *)(long)context->data;
	if (frame + 34 > (__u8 *)(long)context->data_end)
		return 0;
	__u32 source = sources[position++ & (SOURCES - 1)];
	*(parse_u32 *)(frame + 26) = source;
	__u64 sum = base_sum + (source & 0xffff) + (source >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(parse_u16 *)(frame + 24) = (__u16)~sum;
	return 1;
}

SEC("xdp")
int generator(struct xdp_md *context)
{
	return generate(context) ? XDP_PASS : XDP_ABORTED;
}

SEC("xdp")
int plane(struct xdp_md *context)
{
	return generate(context) ? weir_xdp_run(context) : XDP_ABORTED;
}

static __always_inline int parse_and_count(struct xdp_md *context)
{
	const __u8 *frame = (const __u8 *)(long)context->data;
	const __u8 *end = (const __u8 *)(long)context->data_end;
	__u32 zero = 0;
	const __u8 *blob = bpf_map_lookup_elem(&weir_blob, &zero);
	struct packet_key key;
	if (!blob || !packet_parse_frame(frame, end, ((const struct plane_header *)blob)->mac, &key))
		return XDP_PASS;
	/* The key is used, or the compiler would leave out its making. */
	__u32 slot = (key.source[0] ^ key.destination[0] ^ key.source_port ^ key.destination_port) == 1;
	count(slot, key.length, bpf_get_smp_processor_id() * weir_stride);
	return XDP_DROP;
}

SEC("xdp")
int floor_count(struct xdp_md *context)
{
	return generate(context) ? parse_and_count(context) : XDP_ABORTED;
}

/* For plane_live.c: the frames are as they come. */
SEC("xdp")
int floor_live(struct xdp_md *context)
{
	return parse_and_count(context);
}
