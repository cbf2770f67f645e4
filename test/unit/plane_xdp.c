/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program in the kernel, by BPF_PROG_TEST_RUN: it drops what the native look-up drops, counts what that
 * names, and passes every frame that is not plainly a packet for this host. Skipped where bpf() is not
 * permitted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "packet/parse.h"
#include "plane/xdp.h"
#include "plane_regions.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <unistd.h>

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

struct frame {
	uint8_t bytes[256];
	size_t size;
};

static void put16(uint8_t *at, uint32_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

static void put_bytes(uint8_t *at, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(number >> 8 * (size - 1 - i));
}

static void fix_checksum(struct frame *frame)
{
	uint8_t *ip = frame->bytes + 14;
	uint32_t sum = 0;
	put16(ip + 10, 0);
	for (size_t i = 0; i < (size_t)(ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

static size_t put_transport(uint8_t *at, const struct packet_key *key)
{
	if (key->fragment) /* a first one, with room for any transport header */
		return 24;
	put16(at, key->source_port);
	put16(at + 2, key->destination_port);
	if (key->protocol == 6) {
		at[12] = 5 << 4;
		at[13] = key->tcp_flags;
		return 20 + (size_t)key->payload * 7;
	}
	if (key->protocol == 1 || key->protocol == 58)
		put16(at, key->destination_port);
	return 16;
}

/* A frame that has this key; the key's length becomes the frame's. */
static struct frame make_frame(struct packet_key *key)
{
	struct frame frame = {0};
	uint8_t *ip = frame.bytes + 14;
	size_t header = key->family == 4 ? 20 : 40;
	memcpy(frame.bytes, mac, 6);
	put16(frame.bytes + 12, key->family == 4 ? 0x0800 : 0x86dd);
	if (key->family == 4) {
		key->length = (uint32_t)(header + put_transport(ip + header, key));
		ip[0] = 0x45;
		put16(ip + 2, key->length);
		put16(ip + 6, key->fragment ? 0x2000 : 0x4000);
		ip[8] = 64;
		ip[9] = key->protocol;
		put_bytes(ip + 12, key->source[0], 4);
		put_bytes(ip + 16, key->destination[0], 4);
		fix_checksum(&frame);
	} else {
		ip[0] = 0x60;
		ip[6] = key->protocol;
		if (key->fragment) {
			ip[6] = 44;
			ip[header] = key->protocol;
			put16(ip + header + 2, 1);
			header += 8;
		}
		key->length = (uint32_t)(header + put_transport(ip + header, key));
		put16(ip + 4, key->length - 40);
		for (int i = 0; i < 2; i++) {
			put_bytes(ip + 8 + i * 8, key->source[i], 8);
			put_bytes(ip + 24 + i * 8, key->destination[i], 8);
		}
	}
	frame.size = 14 + key->length;
	return frame;
}

static uint32_t run(const struct plane_xdp *xdp, const struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	options.data_in = frame->bytes;
	options.data_size_in = (uint32_t)frame->size;
	options.repeat = 1;
	assert_int_equal(bpf_prog_test_run_opts(xdp->program_fd, &options), 0);
	return options.retval;
}

static struct plane_xdp *open_or_skip(const struct plane *plane)
{
	struct plane_xdp *xdp = NULL;
	int result = plane_xdp_open(plane, mac, NULL, &xdp);
	if (result == -EPERM || result == -ENOSYS) {
		print_message("plane_xdp: bpf() is not permitted here\n");
		skip();
	}
	assert_int_equal(result, 0);
	return xdp;
}

static void parse_gives_the_key(const struct frame *frame, const struct packet_key *key)
{
	struct packet_key parsed;
	/* At an odd distance from its allocation's end, as frames come. */
	uint8_t *copy = malloc(frame->size);
	memcpy(copy, frame->bytes, frame->size);
	assert_int_equal(packet_parse_frame(copy, copy + frame->size, mac, &parsed), 1);
	free(copy);
	assert_memory_equal(&parsed, key, sizeof(parsed));
}

static void kernel_agrees_with_native(void **state)
{
	(void)state;
	for (int round = 0; round < 6; round++) {
		random_state = 77 + (uint64_t)round;
		struct region *region = random_region(round % 2 ? FAMILY_IPV6 : FAMILY_IPV4, 200);
		const struct region *regions[FAMILY_COUNT] = {NULL, NULL};
		regions[region->family] = region;
		struct plane *plane = NULL;
		assert_int_equal(plane_build(regions, &plane), 0);
		struct plane_xdp *xdp = open_or_skip(plane);
		struct plane_count *counts = calloc(plane->slot_count, sizeof(*counts));
		struct plane_count *expected = calloc(plane->slot_count, sizeof(*expected));
		for (int i = 0; i < 300; i++) {
			struct packet_key key = random_key(region);
			if (key.protocol == (key.family == 4 ? 58 : 1))
				key.protocol = 47;
			struct frame frame = make_frame(&key);
			parse_gives_the_key(&frame, &key);
			struct plane_answer answer;
			plane_look_up(plane, &key, &answer);
			assert_int_equal(run(xdp, &frame), answer.drop ? XDP_DROP : XDP_PASS);
			for (uint32_t k = 0; k < answer.hit_count; k++) {
				expected[answer.hits[k]].packets++;
				expected[answer.hits[k]].bytes += key.length;
			}
		}
		assert_int_equal(plane_xdp_counts(xdp->counters_fd, xdp->stride, xdp->cpus, counts), 0);
		assert_memory_equal(counts, expected, plane->slot_count * sizeof(*counts));
		free(counts);
		free(expected);
		plane_xdp_free(xdp);
		plane_free(plane);
		random_region_free(region);
	}
}

/* UDP to port 53 is limited, for each source of a prefix; other UDP is dropped, and all else passes. */
static struct region *limit_region(enum family family, uint64_t cost, uint64_t burst, uint32_t prefix)
{
	static const uint32_t units[] = {0, 1};
	struct fields *fields = fields_new(family);
	assert_int_equal(fields_seal(fields, 1000), 0);
	struct diagram *diagram = fields->diagram;
	struct arena *arena = arena_new();
	struct region *region = arena_alloc(arena, sizeof(*region));
	struct region_limit *limit = arena_alloc(arena, sizeof(*limit));
	struct attribution *attributions = arena_array(arena, 3, sizeof(*attributions));
	*limit = (struct region_limit){.cost = cost, .burst = burst, .prefix = prefix};
	attributions[1] = (struct attribution){1, units, 1};
	attributions[2] = (struct attribution){1, units + 1, 0};
	diagram_node whole = fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	diagram_node udp = diagram_and(diagram, whole, fields_value(fields, FIELD_PROTOCOL, 17));
	diagram_node dns = diagram_and(diagram, udp, fields_value(fields, FIELD_DPORT, 53));
	diagram_node rest = diagram_if(diagram, udp, diagram_terminal(2), DIAGRAM_FALSE);
	*region = (struct region){.family = family,
				  .arena = arena,
				  .fields = fields,
				  .root = diagram_if(diagram, dns, diagram_terminal(1), rest),
				  .attribution_count = 3,
				  .attributions = attributions,
				  .limit_count = 1,
				  .limits = limit,
				  .unit_count = 2,
				  .units = arena_array(arena, 2, sizeof(struct unit))};
	return region;
}

struct limited {
	struct region *region;
	struct plane *plane;
	struct plane_xdp *xdp;
};

static void limited_init(struct limited *limited, enum family family, uint64_t cost, uint64_t burst,
			 uint32_t prefix)
{
	const struct region *regions[FAMILY_COUNT] = {NULL, NULL};
	struct buffer why = {0};
	limited->region = limit_region(family, cost, burst, prefix);
	regions[family] = limited->region;
	assert_int_equal(plane_build(regions, &limited->plane), 0);
	assert_int_equal(plane_prove(limited->plane, regions, &why), 0);
	buffer_fini(&why);
	limited->xdp = open_or_skip(limited->plane);
}

static void limited_fini(struct limited *limited)
{
	plane_xdp_free(limited->xdp);
	plane_free(limited->plane);
	random_region_free(limited->region);
}

/* How many of `count` packets from there pass. */
static unsigned passes(const struct limited *limited, uint64_t high, uint64_t low, unsigned count)
{
	bool six = limited->region->family == FAMILY_IPV6;
	struct packet_key key = {.family = six ? 6 : 4,
				 .protocol = 17,
				 .source_port = 40000,
				 .destination_port = 53,
				 .source = {high, low},
				 .destination = {six ? 0x20010db800000000 : 0xc0000201, six}};
	struct frame frame = make_frame(&key);
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += run(limited->xdp, &frame) == XDP_PASS;
	return passed;
}

/* Sums over the packets and bytes of all slots. */
static struct plane_count counted(const struct limited *limited)
{
	struct plane_count *counts = calloc(limited->plane->slot_count, sizeof(*counts)), sum = {0};
	assert_int_equal(
	    plane_xdp_counts(limited->xdp->counters_fd, limited->xdp->stride, limited->xdp->cpus, counts), 0);
	for (uint32_t i = 0; i < limited->plane->slot_count; i++) {
		sum.packets += counts[i].packets;
		sum.bytes += counts[i].bytes;
	}
	free(counts);
	return sum;
}

#define HOUR 3600000000000ull

static void a_source_has_its_burst_and_no_more(void **state)
{
	(void)state;
	struct limited limited;
	limited_init(&limited, FAMILY_IPV4, HOUR, 5, 24);
	assert_int_equal(passes(&limited, 0xc6336407, 0, 9), 5);
	assert_int_equal(counted(&limited).packets, 4);
	assert_int_equal(counted(&limited).bytes, 4 * 36);
	/* a neighbour shares it, another prefix does not */
	assert_int_equal(passes(&limited, 0xc63364ff, 0, 3), 0);
	assert_int_equal(passes(&limited, 0xc6336507, 0, 9), 5);
	assert_int_equal(counted(&limited).packets, 11);
	limited_fini(&limited);
	limited_init(&limited, FAMILY_IPV6, HOUR, 3, 64);
	assert_int_equal(passes(&limited, 0x20010db800010002, 1, 2), 2);
	assert_int_equal(passes(&limited, 0x20010db800010002, 0xffffffffffffffff, 2), 1);
	assert_int_equal(passes(&limited, 0x20010db800010003, 1, 2), 2);
	limited_fini(&limited);
	limited_init(&limited, FAMILY_IPV6, HOUR, 3, 0);
	assert_int_equal(passes(&limited, 0x20010db800010002, 1, 2), 2);
	assert_int_equal(passes(&limited, 0x20010db900010003, 1, 2), 1);
	limited_fini(&limited);
}

static void a_bucket_fills_up_again(void **state)
{
	(void)state;
	struct limited limited;
	limited_init(&limited, FAMILY_IPV4, 20000000, 2, 32);
	assert_int_equal(passes(&limited, 0xc6336407, 0, 2), 2);
	usleep(45000); /* longer on a busy machine: it is full at two */
	assert_int_equal(passes(&limited, 0xc6336407, 0, 2), 2);
	limited_fini(&limited);
}

static void each_source_has_its_own(void **state)
{
	(void)state;
	struct limited limited;
	limited_init(&limited, FAMILY_IPV4, HOUR, 1, 32);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(passes(&limited, 0xc6120000 + i, 0, 1), 1);
	assert_int_equal(passes(&limited, 0xc6120000 + 999, 0, 1), 0);
	limited_fini(&limited);
}

#define RUNS 100000

static void *run_often(void *context)
{
	const struct limited *limited = context;
	struct packet_key key = {.family = 4,
				 .protocol = 17,
				 .source_port = 40000,
				 .destination_port = 53,
				 .source = {0xc6336407, 0},
				 .destination = {0xc0000201, 0}};
	struct frame frame = make_frame(&key);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes, .data_size_in = (uint32_t)frame.size,
		    .repeat = RUNS);
	return bpf_prog_test_run_opts(limited->xdp->program_fd, &options) ? context : NULL;
}

/* Two processors that take from one bucket at a time: it lets pass what one of them would have got, and what
 * is given twice is little. */
static void processors_share_a_bucket(void **state)
{
	(void)state;
	struct limited limited;
	limited_init(&limited, FAMILY_IPV4, HOUR, 20000, 32);
	pthread_t other;
	void *failed = NULL;
	assert_int_equal(pthread_create(&other, NULL, run_often, &limited), 0);
	assert_null(run_often(&limited));
	assert_int_equal(pthread_join(other, &failed), 0);
	assert_null(failed);
	uint64_t passed = 2 * RUNS - counted(&limited).packets;
	assert_in_range(passed, 20000, 40000);
	limited_fini(&limited);
}

static void without_limits_there_are_no_buckets(void **state)
{
	(void)state;
	struct region *region = host_region(FAMILY_IPV4, 10);
	const struct region *regions[FAMILY_COUNT] = {region, NULL};
	struct plane *plane = NULL;
	assert_int_equal(plane_build(regions, &plane), 0);
	struct plane_xdp *xdp = open_or_skip(plane);
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	assert_int_equal(bpf_obj_get_info_by_fd(xdp->program_fd, &info, &size), 0);
	assert_int_equal(info.nr_map_ids, 3); /* blob, counters, constants */
	plane_xdp_free(xdp);
	plane_free(plane);
	random_region_free(region);
}

/* A region that drops everything shows what never gets as far. */
static struct region drop_everything(enum family family, struct fields **fields,
				     struct attribution *attributions, struct unit *unit)
{
	static const uint32_t units[] = {0};
	*fields = fields_new(family);
	assert_int_equal(fields_seal(*fields, 1000), 0);
	attributions[1] = (struct attribution){1, units};
	return (struct region){.family = family,
			       .fields = *fields,
			       .root = diagram_terminal(1),
			       .attribution_count = 2,
			       .attributions = attributions,
			       .unit_count = 1,
			       .units = unit};
}

struct everything {
	struct fields *fields[2];
	struct attribution attributions[2][2];
	struct unit units[2];
	struct region regions[2];
	struct plane *plane;
	struct plane_xdp *xdp;
};

static void everything_init(struct everything *all)
{
	memset(all, 0, sizeof(*all));
	const struct region *regions[FAMILY_COUNT];
	for (int i = 0; i < 2; i++) {
		all->regions[i] =
		    drop_everything((enum family)i, &all->fields[i], all->attributions[i], &all->units[i]);
		regions[i] = &all->regions[i];
	}
	assert_int_equal(plane_build(regions, &all->plane), 0);
	all->xdp = open_or_skip(all->plane);
}

static void everything_fini(struct everything *all)
{
	plane_xdp_free(all->xdp);
	plane_free(all->plane);
	fields_free(all->fields[0]);
	fields_free(all->fields[1]);
}

static struct packet_key tcp_key(uint8_t family)
{
	struct packet_key key = {
	    .family = family, .protocol = 6, .source_port = 40000, .destination_port = 443};
	key.source[0] = family == 4 ? 0xc6336407 : 0x20010db800000000;
	key.destination[0] = family == 4 ? 0xc0000201 : 0x20010db800000001;
	return key;
}

static void expect(struct everything *all, const struct frame *frame, uint32_t action)
{
	struct packet_key key;
	assert_int_equal(run(all->xdp, frame), action);
	assert_int_equal(packet_parse_frame(frame->bytes, frame->bytes + frame->size, mac, &key),
			 action == XDP_DROP);
}

static void odd_ipv4_frames_pass(void **state)
{
	(void)state;
	struct everything all;
	everything_init(&all);
	struct packet_key key = tcp_key(4);
	struct frame whole = make_frame(&key), frame = whole;
	expect(&all, &whole, XDP_DROP);
	frame.size += 6; /* padding */
	expect(&all, &frame, XDP_DROP);
	for (size_t size = 14; size < whole.size; size++) { /* cut short */
		frame = whole;
		frame.size = size;
		expect(&all, &frame, XDP_PASS);
	}
	static const struct {
		uint32_t at, value;
		bool fix;
	} damage[] = {
	    {0, 4, false},     {12, 0x81, false}, {5, 9, false},   {14, 0x46, true},  {14, 0x55, true},
	    {25, 0xaa, false}, {17, 19, true},    {17, 200, true}, {46, 0x40, false}, {46, 0xf0, false},
	};
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		frame = whole;
		frame.bytes[damage[i].at] = (uint8_t)damage[i].value;
		if (damage[i].fix)
			fix_checksum(&frame);
		expect(&all, &frame, XDP_PASS);
	}
	key = tcp_key(4);
	key.protocol = 17;
	key.destination_port = 67;
	frame = make_frame(&key);
	expect(&all, &frame, XDP_PASS);
	key.protocol = 33; /* DCCP */
	frame = make_frame(&key);
	expect(&all, &frame, XDP_PASS);
	key.protocol = 58; /* ICMPv6 in IPv4 */
	frame = make_frame(&key);
	expect(&all, &frame, XDP_PASS);
	everything_fini(&all);
}

static void odd_ipv6_frames_pass(void **state)
{
	(void)state;
	struct everything all;
	everything_init(&all);
	struct packet_key key = tcp_key(6);
	struct frame whole = make_frame(&key), frame = whole;
	expect(&all, &whole, XDP_DROP);
	for (size_t size = 14; size < whole.size; size++) {
		frame = whole;
		frame.size = size;
		expect(&all, &frame, XDP_PASS);
	}
	static const struct {
		uint32_t at, value;
	} damage[] = {{14, 0x40}, {20, 0},    {20, 43},   {20, 51}, {20, 59},
		      {20, 1},    {22, 0xff}, {38, 0xff}, {19, 0}};
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		frame = whole;
		frame.bytes[damage[i].at] = (uint8_t)damage[i].value;
		expect(&all, &frame, XDP_PASS);
	}
	/* Destination options in front of TCP: up to four are followed. */
	for (int count = 1; count <= 5; count++) {
		size_t extra = (size_t)count * 8;
		frame = whole;
		memmove(frame.bytes + 54 + extra, whole.bytes + 54, whole.size - 54);
		memset(frame.bytes + 54, 0, extra);
		frame.bytes[20] = 60;
		for (int i = 0; i < count; i++)
			frame.bytes[54 + i * 8] = i + 1 == count ? 6 : 60;
		frame.size = whole.size + extra;
		put16(frame.bytes + 18, (uint32_t)(frame.size - 54));
		expect(&all, &frame, count <= 4 ? XDP_DROP : XDP_PASS);
	}
	key.fragment = 1;
	frame = make_frame(&key);
	expect(&all, &frame, XDP_DROP);
	frame.bytes[54] = 60; /* options behind the fragment header */
	expect(&all, &frame, XDP_PASS);
	everything_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kernel_agrees_with_native),
	    cmocka_unit_test(a_source_has_its_burst_and_no_more),
	    cmocka_unit_test(a_bucket_fills_up_again),
	    cmocka_unit_test(each_source_has_its_own),
	    cmocka_unit_test(processors_share_a_bucket),
	    cmocka_unit_test(without_limits_there_are_no_buckets),
	    cmocka_unit_test(odd_ipv4_frames_pass),
	    cmocka_unit_test(odd_ipv6_frames_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
