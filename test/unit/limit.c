/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Limits of policies in XDP: which packets come to which limit, what counts them, that tables and proof have
 * them word for word, and that a bucket lets pass no less than its rate and burst say. */
#include "meaning/region.h"
#include "plane/lookup.h"
#include "plane/plane.h"
#include "read/load.h"
#include "read/policy/render.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct ruleset *rules;
static struct region *regions[FAMILY_COUNT];
static struct plane *plane;
static struct region_options options;

static int forget(void **state)
{
	(void)state;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		region_cleanup(&regions[family]);
		regions[family] = NULL;
	}
	plane_cleanup(&plane);
	plane = NULL;
	ruleset_cleanup(&rules);
	rules = NULL;
	options = (struct region_options){
	    .interface = "eth0", .forwarding = {TRUTH_NO, TRUTH_NO}, .nat = {TRUTH_UNKNOWN, TRUTH_UNKNOWN}};
	return 0;
}

/* 0, or what rules_load() says; `sink` gets why. */
static int load_file(const char *suffix, const char *text, struct diagnostics *sink)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/weir-limit-XXXXXX%s", suffix);
	int fd = mkstemps(path, (int)strlen(suffix));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	const char *paths[] = {path};
	int result = rules_load(paths, 1, sink, &rules);
	unlink(path);
	return result;
}

static void load_as(const char *suffix, const char *text)
{
	struct diagnostics *sink = diagnostics_new();
	int result = load_file(suffix, text, sink);
	struct buffer out = {0};
	diagnostics_print(sink, &out);
	if (result)
		print_error("%s", out.data ? out.data : "");
	buffer_fini(&out);
	diagnostics_free(sink);
	assert_int_equal(result, 0);
}

static bool try_load(const char *text)
{
	struct diagnostics *sink = diagnostics_new();
	int result = load_file(".weir", text, sink);
	diagnostics_free(sink);
	return result == 0;
}

static void compute(void)
{
	struct buffer why = {0};
	int result = plane_compute(rules, &options, regions, &plane, &why);
	if (result)
		print_error("%s\n", why.data ? why.data : "");
	buffer_fini(&why);
	assert_int_equal(result, 0);
}

static void policy(const char *text)
{
	load_as(".weir", text);
	compute();
}

static void key_of(const char *notation, struct packet_key *key)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct packet packet = {0};
	struct source *source = source_new(arena, "packet", notation, strlen(notation));
	assert_int_equal(packet_parse(source, sink, &packet), 0);
	bool six = packet.family == FAMILY_IPV6;
	address from = address_from_bytes(packet.family, packet.source),
		to = address_from_bytes(packet.family, packet.destination);
	*key = (struct packet_key){
	    .source = {six ? (uint64_t)(from >> 64) : (uint64_t)from, six ? (uint64_t)from : 0},
	    .destination = {six ? (uint64_t)(to >> 64) : (uint64_t)to, six ? (uint64_t)to : 0},
	    .length = 60,
	    .source_port = packet.source_port,
	    .destination_port = packet.destination_port,
	    .family = six ? 6 : 4,
	    .protocol = packet.protocol,
	    .tcp_flags = packet.tcp_flags,
	    .fragment = packet.more_fragments || packet.fragment_offset,
	    .payload = packet.payload != 0,
	};
	if (packet.protocol == 1 || packet.protocol == 58)
		key->destination_port = (uint16_t)(packet.icmp_type << 8 | packet.icmp_code);
	if (key->fragment)
		key->source_port = key->destination_port = key->tcp_flags = key->payload = 0;
	diagnostics_free(sink);
	arena_free(arena);
}

static struct plane_answer answer_of(const char *notation)
{
	struct packet_key key;
	struct plane_answer answer;
	key_of(notation, &key);
	plane_look_up(plane, &key, &answer);
	return answer;
}

#define assert_limited(notation) assert_non_null(answer_of(notation).limit)
#define assert_passes(notation)                                                                              \
	do {                                                                                                 \
		struct plane_answer answer_ = answer_of(notation);                                           \
		assert_null(answer_.limit);                                                                  \
		assert_int_equal(answer_.drop, 0);                                                           \
	} while (0)
#define assert_dropped(notation) assert_int_equal(answer_of(notation).drop, 1)

/* What counts the packet above its limit, as "PREROUTING:3 weir-limit-1-do:1". */
static void assert_counts(const char *notation, const char *expected)
{
	struct plane_answer answer = answer_of(notation);
	struct buffer out = {0};
	for (uint32_t i = 0; i < answer.hit_count; i++)
		for (size_t k = 0; k < plane->credit_count; k++) {
			const struct plane_credit *credit = &plane->credits[k];
			if (credit->slot != answer.hits[i])
				continue;
			const struct unit *unit = &regions[credit->family]->units[credit->unit];
			buffer_printf(&out, "%s%.*s:%u", out.size ? " " : "", (int)unit->chain->name.size,
				      unit->chain->name.data, unit->rule ? unit->rule->number : 0);
		}
	assert_string_equal(out.data ? out.data : "", expected);
	buffer_fini(&out);
}

static const struct covered *covered_limit(enum family family)
{
	for (size_t i = 0; i < regions[family]->covered_count; i++) {
		const struct unit *unit = &regions[family]->units[regions[family]->covered[i].unit];
		if (unit->rule && unit->rule->policy_limit)
			return &regions[family]->covered[i];
	}
	fail();
	return NULL;
}

#define SYN "proto=tcp src=192.0.2.9 sport=1025 dst=198.51.100.1 dport=443 flags=syn"

static void a_syn_limit_is_held_for_each_source(void **state)
{
	(void)state;
	policy("limit syn to 198.51.100.1 port 443 at 50/s burst 200 per source/24,/64\ndefault accept\n");
	struct plane_answer answer = answer_of(SYN);
	assert_non_null(answer.limit);
	assert_int_equal(answer.source.address[0], 0xc0000200);
	assert_int_equal(answer.source.address[1], 0);
	/* twice the rate and burst: the rule itself stands behind it */
	assert_int_equal(answer.limit->cost, 10000000);
	assert_int_equal(answer.limit->tolerance, 399 * 10000000ull);
	assert_counts(SYN, "PREROUTING:1");
	assert_passes("proto=tcp src=192.0.2.9 sport=1025 dst=198.51.100.1 dport=443 flags=ack");
	assert_passes("proto=tcp src=192.0.2.9 sport=1025 dst=198.51.100.1 dport=80 flags=syn");
	assert_passes("proto=tcp src=192.0.2.9 sport=1025 dst=198.51.100.2 dport=443 flags=syn");
	assert_passes("proto=udp src=192.0.2.9 sport=1025 dst=198.51.100.1 dport=443");
	const struct covered *covered = covered_limit(FAMILY_IPV4);
	assert_int_equal(covered->coverage, COVERAGE_ALL);
	assert_string_equal(covered->limit, "above 50/sec, bursts of 200, for each source of /24");
	assert_int_equal(plane->limit_count, 1);
}

static void ipv6_sources_share_their_prefix(void **state)
{
	(void)state;
	policy("limit udp to 2001:db8::1 port 53 at 100/s burst 10 per source/32,/56\ndefault accept\n");
	struct plane_answer one =
	    answer_of("proto=udp src=2001:db8:1:203::5 sport=5 dst=2001:db8::1 dport=53");
	struct plane_answer two =
	    answer_of("proto=udp src=2001:db8:1:2ff::6 sport=6 dst=2001:db8::1 dport=53");
	struct plane_answer other =
	    answer_of("proto=udp src=2001:db8:1:303::5 sport=5 dst=2001:db8::1 dport=53");
	assert_non_null(one.limit);
	assert_memory_equal(&one.source, &two.source, sizeof(one.source));
	assert_int_equal(one.source.address[0], 0x20010db800010200);
	assert_int_equal(one.source.address[1], 0);
	assert_int_not_equal(one.source.address[0], other.source.address[0]);
}

static void both_families_have_their_own_buckets(void **state)
{
	(void)state;
	policy("limit icmp, icmp6 at 10/s\nlimit udp port 53 at 10/s\ndefault accept\n");
	uint32_t buckets[] = {
	    answer_of("proto=icmp src=192.0.2.9 dst=198.51.100.1 type=8 code=0").limit->bucket,
	    answer_of("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53").limit->bucket,
	    answer_of("proto=udp src=2001:db8::9 sport=1 dst=2001:db8::1 dport=53").limit->bucket,
	    answer_of("proto=icmp6 src=2001:db8::9 dst=2001:db8::1 type=128 code=0").limit->bucket};
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(buckets[i], buckets[k]);
	/* all sources together: one bucket */
	assert_int_equal(
	    answer_of("proto=icmp src=192.0.2.9 dst=198.51.100.1 type=8 code=0").source.address[0], 0);
}

static void what_stands_before_it_comes_first(void **state)
{
	(void)state;
	policy("set admins { 203.0.113.0/24 }\nset banned : net { 192.0.2.64/26 }\n"
	       "failsafe tcp 443 from @admins\nblock from @banned\n"
	       "limit syn port 443 at 50/s per source\nlimit tcp at 9/s per source\ndefault accept\n");
	assert_passes("proto=tcp src=203.0.113.7 sport=1 dst=198.51.100.1 dport=443 flags=syn");
	assert_dropped("proto=tcp src=192.0.2.70 sport=1 dst=198.51.100.1 dport=443 flags=syn");
	struct plane_answer first = answer_of(SYN);
	struct plane_answer second =
	    answer_of("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	assert_non_null(first.limit);
	assert_non_null(second.limit);
	/* the first on its way alone */
	assert_int_equal(first.limit->cost, 10000000);
	assert_int_equal(second.limit->cost, 55555500);
	assert_limited("proto=tcp src=203.0.113.7 sport=1 dst=198.51.100.1 dport=80 flags=syn");
}

static void what_the_kernel_may_merge_is_left_to_it(void **state)
{
	(void)state;
	policy("limit all at 50/s per source\ndefault accept\n");
	assert_limited(SYN);
	assert_limited("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80 flags=ack length=40");
	assert_limited("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80 flags=syn length=140");
	assert_passes("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80 flags=ack length=140");
	assert_passes("proto=47 src=192.0.2.9 dst=198.51.100.1");
	assert_passes("proto=udp src=192.0.2.9 dst=198.51.100.1 frag=first");
	assert_passes("proto=udp src=192.0.2.9 dst=198.51.100.1 frag=later");
	assert_int_equal(covered_limit(FAMILY_IPV4)->coverage, COVERAGE_SOME);
}

static void what_hangs_on_unknowns_passes(void **state)
{
	(void)state;
	policy("limit syn to self at 50/s per source\ndefault accept\n");
	assert_passes(SYN);
	assert_int_equal(covered_limit(FAMILY_IPV4)->coverage, COVERAGE_NONE);
	assert_null(covered_limit(FAMILY_IPV4)->limit);
	assert_int_equal(plane->limit_count, 0);
}

static void another_device_is_not_limited(void **state)
{
	(void)state;
	policy("interface other { eth1 }\nlimit syn on other at 50/s per source\ndefault accept\n");
	assert_passes(SYN);
	forget(NULL);
	options.interface = NULL;
	policy("interface other { eth1 }\nlimit syn on other at 50/s per source\ndefault accept\n");
	assert_passes(SYN);
}

static void a_burst_of_one_is_left_to_the_kernel(void **state)
{
	(void)state;
	policy("limit syn at 50/s burst 1 per source\ndefault accept\n");
	assert_passes(SYN);
}

static void several_choices_are_one_limit(void **state)
{
	(void)state;
	policy("limit tcp, udp port 53, 853 at 50/s per source\ndefault accept\n");
	struct plane_answer one = answer_of("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53");
	struct plane_answer two =
	    answer_of("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=853 flags=syn");
	assert_non_null(one.limit);
	assert_memory_equal(&one.source, &two.source, sizeof(one.source));
}

static void rules_in_front_count_too(void **state)
{
	(void)state;
	policy("limit tcp, udp to 198.51.100.1, 198.51.100.2 port 53 at 50/s per source\ndefault accept\n");
	struct buffer text = {0};
	const struct table *raw = &rules->tables[FAMILY_IPV4][TABLE_RAW];
	for (size_t i = 0; i < raw->chain_count; i++)
		for (size_t k = 0; k < raw->chains[i]->rule_count; k++)
			if (raw->chains[i]->rules[k].policy_limit)
				buffer_printf(&text, "%.*s", (int)raw->chains[i]->name.size,
					      raw->chains[i]->name.data);
	assert_string_equal(text.data, "weir-limit-1-do");
	buffer_fini(&text);
	struct plane_answer answer = answer_of("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.2 dport=53");
	size_t credits = 0;
	for (uint32_t i = 0; i < answer.hit_count; i++)
		for (size_t k = 0; k < plane->credit_count; k++)
			credits += plane->credits[k].slot == answer.hits[i];
	/* the jump, the choice, and the limit itself */
	assert_int_equal(credits, 3);
}

static void a_limit_of_a_set_counts_its_members(void **state)
{
	(void)state;
	policy("set listeners : address . port { 192.0.2.10 . tcp 443; 192.0.2.11 . tcp 80; "
	       "2001:db8::1 . tcp 443 }\n"
	       "limit syn to @listeners at 50/s per source\ndefault accept\n");
	assert_passes("proto=tcp src=198.51.100.9 sport=1 dst=192.0.2.10 dport=80 flags=syn");
	assert_passes("proto=udp src=198.51.100.9 sport=1 dst=192.0.2.10 dport=443");
	assert_limited("proto=tcp src=2001:db8:9::9 sport=1 dst=2001:db8::1 dport=443 flags=syn");
	struct plane_answer one =
	    answer_of("proto=tcp src=198.51.100.9 sport=1 dst=192.0.2.10 dport=443 flags=syn");
	struct plane_answer two =
	    answer_of("proto=tcp src=198.51.100.9 sport=1 dst=192.0.2.11 dport=80 flags=syn");
	/* one bucket, whichever member it is, and a counter for each */
	assert_memory_equal(&one.source, &two.source, sizeof(one.source));
	assert_int_equal(one.hit_count, 1);
	assert_int_equal(two.hit_count, 1);
	assert_int_not_equal(one.hits[0], two.hits[0]);
	for (size_t k = 0; k < plane->credit_count; k++)
		if (plane->credits[k].slot == one.hits[0] || plane->credits[k].slot == two.hits[0])
			assert_true(plane->credits[k].element >= 0);
}

#define RAW(body) "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" body "COMMIT\n"
#define LIMIT(name)                                                                                          \
	"-m hashlimit --hashlimit-above 50/sec --hashlimit-burst 200 --hashlimit-mode srcip "                \
	"--hashlimit-htable-expire 4000 --hashlimit-name " name " -j DROP\n"

static void rules_of_others_are_never_limited(void **state)
{
	(void)state;
	load_as(".v4", RAW("-A PREROUTING -p udp " LIMIT("weir-limit-1")));
	compute();
	assert_passes("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53");
	assert_int_equal(plane->limit_count, 0);
	assert_int_equal(regions[FAMILY_IPV4]->limit_count, 0);
}

static void own_rules_that_were_read_back_can_be_marked(void **state)
{
	(void)state;
	load_as(".v4",
		RAW("-A PREROUTING -p udp " LIMIT("weir-limit-1") "-A PREROUTING -p tcp " LIMIT("other")));
	policy_mark_limits(rules);
	compute();
	assert_limited("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53");
	assert_passes(SYN);
}

static void what_the_kernel_forgets_before_the_burst_is_back_is_left_to_it(void **state)
{
	(void)state;
	load_as(".v4",
		RAW("-A PREROUTING -p udp -m hashlimit --hashlimit-above 50/sec --hashlimit-burst 200 "
		    "--hashlimit-mode srcip --hashlimit-htable-expire 3999 --hashlimit-name weir-limit-1 "
		    "-j DROP\n"));
	policy_mark_limits(rules);
	compute();
	assert_passes("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53");
	assert_int_equal(plane->limit_count, 0);
}

/* An effect in front of it, a match behind it that may fail, a jump that is taken perhaps. */
static void only_what_comes_to_it_for_sure_is_limited(void **state)
{
	static const char *const bodies[] = {
	    RAW("-A PREROUTING -p udp -j LOG\n-A PREROUTING -p udp " LIMIT("weir-limit-1")),
	    RAW("-A PREROUTING -m mark --mark 0x1 -j ACCEPT\n-A PREROUTING -p udp " LIMIT("weir-limit-1")),
	    RAW("-A PREROUTING -m mark --mark 0x1 -p udp " LIMIT("weir-limit-1")),
	    /* one limit or the other: no third one */
	    RAW(":a - [0:0]\n:b - [0:0]\n-A PREROUTING -m mark --mark 0x1 -j a\n-A PREROUTING -j b\n"
		"-A a -p udp " LIMIT("weir-limit-1") "-A b -p udp " LIMIT(
		    "weir-limit-2") "-A b -p tcp " LIMIT("weir-limit-3")),
	    RAW(":a - [0:0]\n-A PREROUTING -m mark --mark 0x1 -j a\n-A PREROUTING -p udp -j LOG\n"
		"-A a -p udp " LIMIT("weir-limit-1")),
	    RAW("-A PREROUTING -p udp -m hashlimit --hashlimit-upto 5/sec --hashlimit-name x -j ACCEPT\n"
		"-A PREROUTING -p udp " LIMIT("weir-limit-1")),
	    RAW("-A PREROUTING -p udp -m limit --limit 5/sec " LIMIT("weir-limit-1")),
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		forget(state);
		load_as(".v4", bodies[i]);
		policy_mark_limits(rules);
		compute();
		assert_passes("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53");
	}
	/* Both ways lead to the same rule: it is sure. */
	forget(state);
	load_as(".v4", RAW(":a - [0:0]\n-A PREROUTING -m mark --mark 0x1 -j a\n-A PREROUTING -j a\n"
			   "-A a -p udp " LIMIT("weir-limit-1")));
	policy_mark_limits(rules);
	compute();
	assert_limited("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53");
	assert_counts("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=53", "a:1");
}

static void allowing_state_leaves_limits_to_the_kernel(void **state)
{
	(void)state;
	options.allowed = EFFECT_STATE;
	policy("limit syn at 50/s per source\ndefault accept\n");
	assert_passes(SYN);
}

static void a_set_with_counters_is_an_effect_by_itself(void **state)
{
	static const char text[] = "set listeners : address { counters; 198.51.100.1 }\n"
				   "limit syn to @listeners at 50/s per source\ndefault accept\n";
	policy(text);
	assert_passes(SYN);
	forget(state);
	options.allowed = EFFECT_COUNTER;
	policy(text);
	assert_limited(SYN);
}

/* Only what other rules, too, limit so, or drop. */
static void within_other_rules_no_more_is_limited(void **state)
{
	(void)state;
	load_as(".weir", "limit tcp port 443 at 50/s per source\ndefault accept\n");
	struct ruleset *same = rules;
	rules = NULL;
	options.within = same;
	policy("limit syn at 50/s per source\ndefault accept\n");
	assert_limited(SYN);
	assert_true(regions[FAMILY_IPV4]->narrowed);
	assert_passes("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	forget(state);
	options.within = same;
	policy("limit syn port 443 at 50/s per source\ndefault accept\n");
	assert_limited(SYN);
	assert_false(regions[FAMILY_IPV4]->narrowed);
	forget(state);
	options.within = same;
	policy("limit syn at 40/s per source\ndefault accept\n");
	assert_passes(SYN);
	ruleset_free(same);
	forget(state);
	load_as(".weir", "block tcp from 192.0.2.9\ndefault accept\n");
	same = rules;
	rules = NULL;
	forget(state);
	options.within = same;
	policy("limit syn at 40/s per source\ndefault accept\n");
	assert_limited(SYN);
	assert_passes("proto=tcp src=192.0.2.10 sport=1 dst=198.51.100.1 dport=443 flags=syn");
	ruleset_free(same);
}

#define MANY                                                                                                 \
	"set admins { 203.0.113.0/24, 2001:db8:9::/48 }\nset banned : net { 192.0.2.64/26, 2001:db8:7::/48 " \
	"}\n"                                                                                                \
	"failsafe tcp 22 from @admins\nblock from @banned\n"                                                 \
	"limit syn port 443 at 50/s burst 200 per source/24,/56\n"                                           \
	"limit udp port 53 at 9/min burst 7 per source\nlimit icmp, icmp6 at 100/s\ndefault accept\n"

static int prove(void)
{
	struct buffer why = {0};
	const struct region *used[FAMILY_COUNT] = {regions[0], regions[1]};
	int result = plane_prove(plane, used, &why);
	buffer_fini(&why);
	return result;
}

static void damage_to_limits_is_found(void **state)
{
	(void)state;
	policy(MANY);
	assert_int_equal(prove(), 0);
	struct plane_header *header = (struct plane_header *)plane->blob;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct plane_family *tables = &header->families[family];
		assert_int_equal(tables->limit_count, 3);
		uint32_t *words = (uint32_t *)(plane->blob + tables->limits);
		for (size_t i = 0; i < tables->limit_count * sizeof(struct plane_limit) / 4; i++)
			for (int bit = (int)i % 3; bit < 32; bit += 3) {
				words[i] ^= 1u << bit;
				/* a hit a whole blob further on is the same hit */
				bool same = i % 16 == offsetof(struct plane_limit, drop) / 4 &&
					    (sizeof(struct plane_hit) << bit) % plane->size == 0 &&
					    bit < PLANE_HIT_SHIFT;
				assert_int_equal(prove(), same ? 0 : -EILSEQ);
				words[i] ^= 1u << bit;
			}
		uint32_t *places[] = {&tables->limits, &tables->limit_count};
		for (size_t i = 0; i < 2; i++)
			for (int bit = 0; bit < 32; bit++) {
				*places[i] ^= 1u << bit;
				assert_int_equal(prove(), -EILSEQ);
				*places[i] ^= 1u << bit;
			}
		/* One limit in place of another, of none, of a drop: each entry that leads to one. */
		size_t found = 0;
		uint32_t *rows = (uint32_t *)(plane->blob + tables->rows);
		for (size_t i = 0; tables->rows + i * 4 < header->size; i++) {
			if ((rows[i] & ~PLANE_BASE_MASK) != PLANE_LIMIT ||
			    (rows[i] & PLANE_BASE_MASK) >= tables->limit_count)
				continue;
			uint32_t before = rows[i];
			uint32_t others[] = {PLANE_LIMIT | ((before & PLANE_BASE_MASK) + 1) % 3, PLANE_PASS,
					     before | PLANE_DROP, before & ~PLANE_END};
			for (size_t k = 0; k < 4; k++) {
				rows[i] = others[k];
				found += prove() == -EILSEQ;
			}
			rows[i] = before;
		}
		assert_true(found >= 12);
	}
	plane->limit_count = 0;
	assert_int_equal(prove(), -EILSEQ);
	plane->limit_count = 6;
	assert_int_equal(prove(), 0);
}

static void a_region_with_other_limits_is_not_proven(void **state)
{
	(void)state;
	policy(MANY);
	struct region_limit *limit = (struct region_limit *)&regions[FAMILY_IPV6]->limits[1];
	const struct region_limit before = *limit;
	limit->cost++;
	assert_int_equal(prove(), -EILSEQ);
	*limit = before;
	limit->burst++;
	assert_int_equal(prove(), -EILSEQ);
	*limit = before;
	limit->prefix--;
	assert_int_equal(prove(), -EILSEQ);
	*limit = before;
	limit->bucket = 0;
	assert_int_equal(prove(), -EILSEQ);
	*limit = before;
	limit->burst = UINT64_MAX;
	assert_int_equal(prove(), -EILSEQ);
	*limit = before;
	assert_int_equal(prove(), 0);
}

/* --- random policies, and what they mean said in another way */

static uint64_t random_state;
static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % limit;
}

enum { FAILSAFE, BLOCK, LIMIT_OF, STATEMENT_SORTS };
enum { SORT_SYN, SORT_TCP, SORT_UDP, SORT_ALL, PROTOCOL_SORTS };

struct statement {
	int sort, protocol, port, from, to; /* the last three: number of a choice, 0: any */
	uint32_t rate;
};

static const char *const froms[] = {"", "192.0.2.0/25", "192.0.2.64/26", "192.0.2.9"};
static const char *const tos[] = {"", "198.51.100.1", "198.51.100.0/30"};
static const unsigned ports[] = {0, 53, 443};

static struct statement random_statement(void)
{
	struct statement statement = {.sort = random_below(4)   ? LIMIT_OF
					      : random_below(2) ? BLOCK
								: FAILSAFE,
				      .protocol = (int)random_below(PROTOCOL_SORTS),
				      .port = (int)random_below(3),
				      .from = (int)random_below(4),
				      .to = (int)random_below(3),
				      .rate = 1 + random_below(900)};
	if (statement.sort != LIMIT_OF && statement.protocol == SORT_SYN)
		statement.protocol = SORT_TCP;
	if (statement.sort != LIMIT_OF && statement.from == 0)
		statement.from = 3;
	if (statement.sort == FAILSAFE && statement.protocol == SORT_ALL)
		statement.protocol = SORT_UDP;
	if (statement.protocol == SORT_ALL)
		statement.port = 0;
	return statement;
}

static void print_statement(const struct statement *statement, struct buffer *out)
{
	static const char *const sorts[] = {"failsafe", "block", "limit"};
	static const char *const protocols[] = {"syn", "tcp", "udp", "all"};
	bool all = statement->sort != LIMIT_OF && statement->protocol == SORT_ALL;
	buffer_printf(out, "%s%s%s", sorts[statement->sort], all ? "" : " ",
		      all ? "" : protocols[statement->protocol]);
	if (statement->from)
		buffer_printf(out, " from %s", froms[statement->from]);
	if (statement->to && statement->sort == LIMIT_OF)
		buffer_printf(out, " to %s", tos[statement->to]);
	if (statement->port)
		buffer_printf(out, " port %u", ports[statement->port]);
	if (statement->sort == LIMIT_OF)
		buffer_printf(out, " at %u/s per source/24", statement->rate);
	buffer_puts(out, "\n");
}

static bool statement_means(const struct statement *statement, const struct packet_key *key)
{
	uint32_t from = (uint32_t)key->source[0], to = (uint32_t)key->destination[0];
	bool syn = (key->tcp_flags & 0x17) == 2;
	if ((statement->protocol == SORT_SYN && (key->protocol != 6 || !syn)) ||
	    (statement->protocol == SORT_TCP && key->protocol != 6) ||
	    (statement->protocol == SORT_UDP && key->protocol != 17))
		return false;
	if (statement->port && key->destination_port != ports[statement->port])
		return false;
	if ((statement->from == 1 && from >> 7 != 0xc0000200 >> 7) ||
	    (statement->from == 2 && from >> 6 != 0xc0000240 >> 6) ||
	    (statement->from == 3 && from != 0xc0000209))
		return false;
	return statement->sort != LIMIT_OF || !statement->to ||
	       (statement->to == 1 ? to == 0xc6336401 : to >> 2 == 0xc6336400 >> 2);
}

static struct packet_key random_key(void)
{
	static const uint32_t sources[] = {0xc0000209, 0xc0000241, 0xc0000230, 0xc00002c8, 0xc6120001};
	static const uint8_t protocols[] = {6, 6, 17, 1, 47};
	struct packet_key key = {.source = {sources[random_below(5)], 0},
				 .destination = {0xc6336400 + random_below(6), 0},
				 .length = 60,
				 .family = 4,
				 .protocol = protocols[random_below(5)]};
	if (key.protocol == 6 || key.protocol == 17) {
		key.source_port = 1025;
		key.destination_port = (uint16_t)(random_below(4) ? ports[1 + random_below(2)] : 80);
	}
	if (key.protocol == 6) {
		key.tcp_flags = random_below(2) ? 2 : (uint8_t)random_below(64);
		key.payload = (uint8_t)random_below(2);
	}
	return key;
}

/* The statement that decides: failsafe, then block, then the first limit; NULL: none does. */
static const struct statement *find_decider(const struct statement *statements, size_t count,
					    const struct packet_key *key)
{
	for (int sort = 0; sort < STATEMENT_SORTS; sort++)
		for (size_t i = 0; i < count; i++)
			if (statements[i].sort == sort && statement_means(&statements[i], key))
				return &statements[i];
	return NULL;
}

static bool answer_is_right(const struct statement *decider, const struct packet_key *key)
{
	struct plane_answer answer;
	plane_look_up(plane, key, &answer);
	bool countable = key->protocol == 17 || key->protocol == 1 ||
			 (key->protocol == 6 && (!key->payload || key->tcp_flags & 2));
	/* FIN, PSH and CWR of segments with data are not to be relied on: SYN alone is never merged */
	if (!decider || decider->sort == FAILSAFE || (decider->sort == LIMIT_OF && !countable))
		return !answer.drop && !answer.limit;
	if (decider->sort == BLOCK)
		return answer.drop && !answer.limit;
	return !answer.drop && answer.limit && answer.limit->cost == 1000000u / decider->rate * 1000u / 2 &&
	       answer.source.address[0] == (key->source[0] & 0xffffff00) && answer.hit_count > 0;
}

static void random_policies_are_limited_as_they_say(void **state)
{
	size_t limited = 0;
	for (int round = 0; round < 60; round++) {
		random_state = 7700u + (uint64_t)round;
		struct statement statements[6];
		struct buffer text = {0};
		size_t count = 1 + random_below(6);
		for (size_t i = 0; i < count; i++) {
			statements[i] = random_statement();
			print_statement(&statements[i], &text);
		}
		buffer_puts(&text, "default accept\n");
		forget(state);
		if (!try_load(text.data)) { /* as a failsafe's source that is blocked */
			buffer_fini(&text);
			continue;
		}
		compute();
		for (int i = 0; i < 300; i++) {
			struct packet_key key = random_key();
			const struct statement *decider = find_decider(statements, count, &key);
			limited += decider && decider->sort == LIMIT_OF;
			if (!answer_is_right(decider, &key))
				print_error("round %d, key %d of\n%s", round, i, text.data);
			assert_true(answer_is_right(decider, &key));
		}
		buffer_fini(&text);
	}
	assert_true(limited > 1000);
}

/* A token bucket as books have it, in whole packets' worth: full in the beginning. */
struct reference {
	uint64_t cost, full, tokens, last;
};

static bool reference_takes(struct reference *bucket, uint64_t now)
{
	uint64_t tokens = bucket->tokens + (now - bucket->last);
	bucket->tokens = tokens > bucket->full ? bucket->full : tokens;
	bucket->last = now;
	if (bucket->tokens < bucket->cost)
		return false;
	bucket->tokens -= bucket->cost;
	return true;
}

/* Random arrivals: at every moment XDP's bucket has let pass what one of that rate and burst would have; a
 * second one behind it, whose clock is late by up to a quarter of a packet's worth, lets pass what it would
 * alone, but for a few packets of some thousand. */
#define SINGLES 5
static void a_bucket_lets_pass_what_its_rate_says(void **state)
{
	(void)state;
	uint64_t random = 12345;
	for (int round = 0; round < 200; round++) {
		uint64_t cost = 2000 + (random >> 33) % 50000000, burst = 2 + random % 30;
		struct plane_limit limit = {.cost = cost / 2};
		limit.tolerance = (2 * burst - 1) * limit.cost;
		struct reference alone = {cost, cost * burst, cost * burst, 0}, behind = alone, late = alone;
		uint64_t bucket = 0, now = 1, passed = 0, passed_alone = 0, through = 0, late_alone = 0;
		uint64_t latest = 0;
		for (int i = 0; i < 3000; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			uint64_t gap = (random >> 40) % (cost * 2 + 1);
			now += i / 500 % 2 ? gap / 20 : (random >> 20 & 15) ? gap : gap * burst;
			uint64_t then = now + (random >> 10) % (cost / 4);
			latest = then > latest ? then : latest;
			uint64_t next = plane_limit_take(&limit, bucket, now);
			passed_alone += reference_takes(&alone, now);
			late_alone += reference_takes(&late, latest);
			if (next) {
				bucket = next;
				passed++;
				through += reference_takes(&behind, latest);
			}
			if (passed < passed_alone || through + SINGLES < late_alone)
				print_error("round %d, packet %d\n", round, i);
			assert_true(passed >= passed_alone);
			assert_true(through + SINGLES >= late_alone);
		}
	}
}

/* No more than twice the burst and rate. */
static void a_flood_is_held_down(void **state)
{
	(void)state;
	struct plane_limit limit = {.cost = 500000};
	limit.tolerance = 199 * limit.cost;
	uint64_t bucket = 0, passed = 0, begin = 1000000000;
	for (uint64_t now = begin; now < begin + 1000000000; now += 1000) {
		uint64_t next = plane_limit_take(&limit, bucket, now);
		if (!next)
			continue;
		bucket = next;
		passed++;
	}
	assert_in_range(passed, 2199, 2201);
}

int main(void)
{
	forget(NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_syn_limit_is_held_for_each_source, forget),
	    cmocka_unit_test_teardown(ipv6_sources_share_their_prefix, forget),
	    cmocka_unit_test_teardown(both_families_have_their_own_buckets, forget),
	    cmocka_unit_test_teardown(what_stands_before_it_comes_first, forget),
	    cmocka_unit_test_teardown(what_the_kernel_may_merge_is_left_to_it, forget),
	    cmocka_unit_test_teardown(what_hangs_on_unknowns_passes, forget),
	    cmocka_unit_test_teardown(another_device_is_not_limited, forget),
	    cmocka_unit_test_teardown(a_burst_of_one_is_left_to_the_kernel, forget),
	    cmocka_unit_test_teardown(several_choices_are_one_limit, forget),
	    cmocka_unit_test_teardown(rules_in_front_count_too, forget),
	    cmocka_unit_test_teardown(a_limit_of_a_set_counts_its_members, forget),
	    cmocka_unit_test_teardown(rules_of_others_are_never_limited, forget),
	    cmocka_unit_test_teardown(own_rules_that_were_read_back_can_be_marked, forget),
	    cmocka_unit_test_teardown(what_the_kernel_forgets_before_the_burst_is_back_is_left_to_it, forget),
	    cmocka_unit_test_teardown(only_what_comes_to_it_for_sure_is_limited, forget),
	    cmocka_unit_test_teardown(allowing_state_leaves_limits_to_the_kernel, forget),
	    cmocka_unit_test_teardown(a_set_with_counters_is_an_effect_by_itself, forget),
	    cmocka_unit_test_teardown(within_other_rules_no_more_is_limited, forget),
	    cmocka_unit_test_teardown(damage_to_limits_is_found, forget),
	    cmocka_unit_test_teardown(a_region_with_other_limits_is_not_proven, forget),
	    cmocka_unit_test_teardown(random_policies_are_limited_as_they_say, forget),
	    cmocka_unit_test(a_bucket_lets_pass_what_its_rate_says),
	    cmocka_unit_test(a_flood_is_held_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
