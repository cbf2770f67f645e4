/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The early-drop region: for each ruleset, which packets are dropped early, which are not, and why. */
#include "meaning/region.h"
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct ruleset *rules, *others;
static struct region *region;
static struct region_options options;

static const char *write_file(const char *suffix, const char *content)
{
	static char paths[4][64];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "/tmp/weir-region-XXXXXX%s", suffix);
	int fd = mkstemps(path, (int)strlen(suffix));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	return path;
}

static int forget(void **state)
{
	(void)state;
	region_cleanup(&region);
	region = NULL;
	ruleset_cleanup(&rules);
	ruleset_cleanup(&others);
	rules = others = NULL;
	options = (struct region_options){
	    .interface = "eth0", .forwarding = {TRUTH_NO, TRUTH_NO}, .nat = {TRUTH_UNKNOWN, TRUTH_UNKNOWN}};
	return 0;
}

static void compute(const char *text, const char *sets, enum family family)
{
	const char *paths[2] = {write_file(family == FAMILY_IPV4 ? ".v4" : ".v6", text)};
	size_t count = 1;
	if (sets)
		paths[count++] = write_file(".sets", sets);
	struct diagnostics *sink = diagnostics_new();
	int result = rules_load(paths, count, sink, &rules);
	if (result) {
		struct buffer out = {0};
		diagnostics_print(sink, &out);
		print_error("%s", out.data);
		buffer_fini(&out);
	}
	diagnostics_free(sink);
	for (size_t i = 0; i < count; i++)
		unlink(paths[i]);
	assert_int_equal(result, 0);
	assert_int_equal(region_compute(rules, family, &options, &region), 0);
	assert_false(region->undecided);
}

static void filter(const char *text)
{
	compute(text, NULL, FAMILY_IPV4);
}

static uint32_t terminal_of(const char *notation)
{
	struct arena *arena = arena_new();
	struct diagnostics *sink = diagnostics_new();
	struct packet packet = {0};
	struct source *source = source_new(arena, "packet", notation, strlen(notation));
	assert_int_equal(packet_parse(source, sink, &packet), 0);
	bool *bits = calloc(diagram_variables(region->fields->diagram) + 1, sizeof(bool));
	fields_assign(region->fields, &packet, STATE_NEW, NULL, bits);
	uint32_t terminal = diagram_evaluate(region->fields->diagram, region->root, bits);
	free(bits);
	diagnostics_free(sink);
	arena_free(arena);
	return terminal;
}

#define assert_early(notation) assert_int_not_equal(terminal_of(notation), 0)
#define assert_passes(notation) assert_int_equal(terminal_of(notation), 0)

/* Units counted for a packet, as "raw/PREROUTING:3 filter/INPUT:P". */
static void assert_counts(const char *notation, const char *expected)
{
	struct buffer out = {0};
	const struct attribution *attribution = &region->attributions[terminal_of(notation)];
	for (size_t i = 0; i < attribution->unit_count; i++) {
		const struct unit *unit = &region->units[attribution->units[i]];
		buffer_printf(&out, "%s%s/%.*s:", i ? " " : "", table_names[unit->chain->table->id],
			      (int)unit->chain->name.size, unit->chain->name.data);
		if (unit->kind == UNIT_POLICY)
			buffer_puts(&out, "policy");
		else if (unit->kind == UNIT_LIST)
			buffer_printf(&out, "%u-%u", unit->rule->number,
				      unit->rule->number + (unsigned)unit->rule_count - 1);
		else
			buffer_printf(&out, "%u", unit->rule->number);
	}
	assert_string_equal(out.data ? out.data : "", expected);
	buffer_fini(&out);
}

static const struct covered *covered_of(unsigned number)
{
	for (size_t i = 0; i < region->covered_count; i++) {
		const struct unit *unit = &region->units[region->covered[i].unit];
		if (unit->rule && unit->rule->number == number)
			return &region->covered[i];
	}
	fail();
	return NULL;
}

#define FILTER(body)                                                                                         \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" body "COMMIT\n"
#define FILTER_DROP(body)                                                                                    \
	"*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" body "COMMIT\n"

static void a_ban_is_dropped_early(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	assert_passes("proto=tcp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	assert_counts("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80", "filter/INPUT:1");
	assert_int_equal(covered_of(1)->coverage, COVERAGE_ALL);
}

static void a_ban_behind_an_accept_by_state_is_left_to_the_kernel(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	assert_passes("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	assert_int_equal(covered_of(2)->coverage, COVERAGE_NONE);
	assert_int_equal(covered_of(2)->blocker->number, 1);
	assert_non_null(strstr(covered_of(2)->reason, "ESTABLISHED"));
}

static void a_ban_in_front_of_state_rules_is_dropped_when_it_follows_from_the_tuple(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n"
		      "-A INPUT -p tcp -m tcp --tcp-flags SYN,RST SYN,RST -j DROP\n"
		      "-A INPUT -m state --state ESTABLISHED -j ACCEPT\n"));
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	/* Conntrack would have seen these flags: packets of the same connection that come later could tell.
	 */
	assert_passes("proto=tcp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80 flags=syn,rst");
	assert_int_equal(covered_of(2)->coverage, COVERAGE_NONE);
	assert_int_equal(covered_of(2)->blocker->number, 3);
}

static void rules_on_the_way_out_that_look_at_state_hold_tracked_drops_back(void **state)
{
	(void)state;
	static const char text[] = FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n"
					  "-A OUTPUT -m state --state INVALID -j DROP\n");
	filter(text);
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_non_null(strstr(covered_of(1)->reason, "--allow conntrack"));
	forget(NULL);
	options.allowed = EFFECT_CONNTRACK;
	filter(text);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

static void untracked_packets_do_not_move_connections(void **state)
{
	(void)state;
	filter("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -j "
	       "NOTRACK\nCOMMIT\n" FILTER(
		   "-A INPUT -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -s 192.0.2.1/32 -j DROP\n"
		   "-A OUTPUT -m state --state INVALID -j DROP\n"));
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	assert_counts("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80",
		      "raw/PREROUTING:policy raw/PREROUTING:1 filter/INPUT:2");
}

static void the_policy_drops_what_no_rule_accepts(void **state)
{
	(void)state;
	filter(FILTER_DROP("-A INPUT -p tcp -m tcp --dport 443 -j ACCEPT\n"));
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	assert_passes("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=443 flags=syn");
	assert_counts("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=443", "filter/INPUT:policy");
}

static void parts_of_fragmented_packets_share_one_fate(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n-A INPUT -p udp -m udp --dport 53 -j DROP\n"));
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=9 frag=first");
	assert_early("proto=udp src=192.0.2.1 dst=198.51.100.1 frag=later");
	assert_early("proto=udp src=192.0.2.3 sport=1 dst=198.51.100.1 dport=53");
	assert_passes("proto=udp src=192.0.2.3 sport=1 dst=198.51.100.1 dport=53 frag=first");
}

static void parts_of_fragmented_packets_are_counted_where_only_the_ip_header_decides(void **state)
{
	(void)state;
	filter("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 53 "
	       "-j DROP\n"
	       "-A PREROUTING -s 192.0.2.1/32 -j DROP\nCOMMIT\n");
	assert_counts("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=9", "raw/PREROUTING:2");
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=9 frag=first");
	assert_counts("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=9 frag=first", "");
	assert_int_equal(region->uncounted_count, 0);
	assert_int_equal(region->uncounted_parts, 2); /* which of the two it would have been is not known */
}

static void flags_that_gro_changes_are_unknown_in_segments_with_data(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -p tcp -m tcp --tcp-flags PSH PSH -j ACCEPT\n-A INPUT -p tcp -j DROP\n"));
	assert_passes("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=ack length=1500");
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=ack length=40");
}

static void effects_hold_a_drop_back_unless_allowed(void **state)
{
	(void)state;
	static const char text[] =
	    FILTER("-A INPUT -s 192.0.2.0/24 -j LOG\n-A INPUT -s 192.0.2.0/24 -j DROP\n"
		   "-A INPUT -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable\n");
	filter(text);
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=198.51.100.7 sport=1 dst=198.51.100.1 dport=80");
	assert_non_null(strstr(covered_of(2)->reason, "--allow log"));
	assert_int_equal(covered_of(2)->blocker->number, 1);
	forget(NULL);
	options.allowed = EFFECT_LOG;
	filter(text);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_counts("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80",
		      "filter/INPUT:1 filter/INPUT:2");
}

static void evaluating_a_limit_is_an_effect_even_when_both_outcomes_drop(void **state)
{
	(void)state;
	filter(FILTER(
	    "-A INPUT -s 192.0.2.0/24 -m limit --limit 1/sec -j DROP\n-A INPUT -s 192.0.2.0/24 -j DROP\n"));
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

static void a_match_that_is_not_modelled_is_unknown(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -s 192.0.2.0/24 -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT\n"
		      "-A INPUT -s 192.0.2.0/25 -j DROP\n-A INPUT -s 192.0.2.0/24 -m ttl --ttl-lt 9 -j DROP\n"
		      "-A INPUT -s 198.51.100.0/24 -j DROP\n"));
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=192.0.2.200 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=198.51.100.9 sport=1 dst=198.51.100.1 dport=80");
}

static void opaque_targets_hold_everything_behind_them_back(void **state)
{
	(void)state;
	filter("*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT "
	       "ACCEPT [0:0]\n"
	       ":POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j MARK --set-xmark "
	       "0x1/0xffffffff\nCOMMIT\n" FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

static size_t opaque_predicates(void)
{
	size_t count = 0;
	for (size_t i = 0; i < region->fields->predicate_count; i++)
		count += region->fields->predicates[i]->kind == PREDICATE_OPAQUE;
	return count;
}

/* A mark that a rule sets is another one for the rules behind it, though their text is the same; where no
 * rule changes it, the same text is one question. Either way the region asks it of nobody. */
static void what_a_target_changes_is_asked_for_again(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -m mark --mark 0x1 -j RETURN\n"
		      "-A INPUT -j MARK --set-xmark 0x1/0xffffffff\n"
		      "-A INPUT -m mark --mark 0x1 -j ACCEPT\n"
		      "-A INPUT -j DROP\n"));
	assert_int_equal(opaque_predicates(), 2);
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	forget(NULL);
	filter(FILTER("-A INPUT -m mark --mark 0x1 -j RETURN\n"
		      "-A INPUT -m mark --mark 0x1 -j ACCEPT\n"
		      "-A INPUT -m mark ! --mark 0x1 -j ACCEPT\n"
		      "-A INPUT -j DROP\n"));
	assert_int_equal(opaque_predicates(), 1);
	forget(NULL);
	filter(FILTER(
	    "-A INPUT -m pkttype --pkt-type unicast -j RETURN\n"
	    "-A INPUT -m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 1 -j "
	    "ACCEPT\n"
	    "-A INPUT -m pkttype --pkt-type unicast -j ACCEPT\n"));
	assert_int_equal(opaque_predicates(), 3);
}

/* esp drops a packet that is too short for it, counted nowhere; XDP does not look at that header, and would
 * credit the drop to the rule behind it. */
static void a_match_that_may_drop_at_once_is_an_effect_on_counters(void **state)
{
	(void)state;
	static const char text[] = FILTER("-A INPUT -p esp -m esp --espspi 5 -j ACCEPT\n"
					  "-A INPUT -s 192.0.2.1/32 -j DROP\n");
	filter(text);
	assert_passes("proto=esp src=192.0.2.1 dst=198.51.100.1");
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	forget(NULL);
	static const char option[] = FILTER("-A INPUT -p tcp -m tcp --tcp-option 8 -j LOG\n"
					    "-A INPUT -s 192.0.2.1/32 -j DROP\n");
	options.allowed = EFFECT_LOG;
	filter(option);
	assert_passes("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
	forget(NULL);
	options.allowed = EFFECT_LOG | EFFECT_COUNTER;
	filter(option);
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80 flags=syn");
}

/* What a knock on a port may put into a set is not to be known from the set's members now. */
static void a_set_that_rules_change_is_unknown(void **state)
{
	(void)state;
	static const char sets[] = "create ok hash:ip family inet hashsize 64 maxelem 100\n";
	compute(FILTER("-A INPUT -p udp -m udp --dport 7777 -j SET --add-set ok src\n"
		       "-A INPUT -m set ! --match-set ok src -j DROP\n"),
		sets, FAMILY_IPV4);
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	forget(NULL);
	compute(FILTER("-A INPUT -m set ! --match-set ok src -j DROP\n"), sets, FAMILY_IPV4);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

static void another_interface_does_not_count(void **state)
{
	(void)state;
	filter(
	    FILTER("-A INPUT -i eth1 -s 192.0.2.1/32 -j DROP\n-A INPUT -i eth+ -s 192.0.2.2/32 -j DROP\n"));
	assert_passes("in=eth0 proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_early("in=eth0 proto=udp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80");
	assert_int_equal(covered_of(1)->coverage, COVERAGE_UNREACHED);
}

static void an_unknown_interface_means_all_of_them_but_lo(void **state)
{
	(void)state;
	options.interface = NULL;
	filter(FILTER("-A INPUT -i eth1 -s 192.0.2.1/32 -j DROP\n-A INPUT ! -i lo -s 192.0.2.2/32 -j DROP\n"
		      "-A INPUT -s 192.0.2.3/32 -j DROP\n"));
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=192.0.2.3 sport=1 dst=198.51.100.1 dport=80");
}

static void where_the_host_may_forward_both_ways_must_drop(void **state)
{
	(void)state;
	static const char text[] =
	    FILTER("-A INPUT -s 192.0.2.0/24 -j DROP\n-A FORWARD -s 192.0.2.0/25 -j DROP\n");
	options.forwarding[FAMILY_IPV4] = TRUTH_UNKNOWN;
	filter(text);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=192.0.2.200 sport=1 dst=198.51.100.1 dport=80");
	assert_non_null(strstr(covered_of(1)->reason, "forwarded"));
	/* Which of the two rules would have counted is not known. */
	assert_int_equal(region->uncounted_count, 2);
}

static void a_destination_that_is_local_takes_the_way_of_input(void **state)
{
	(void)state;
	static const char text[] = FILTER("-A INPUT -s 192.0.2.0/24 -j DROP\n");
	options.forwarding[FAMILY_IPV4] = TRUTH_YES;
	filter(text);
	assert_passes("proto=udp src=192.0.2.200 sport=1 dst=198.51.100.1 dport=80");
	forget(NULL);
	const struct region_local locals[] = {{FAMILY_IPV4, 0xc6336401, 0xc6336401}};
	options.forwarding[FAMILY_IPV4] = TRUTH_YES;
	options.local_count = 1;
	options.locals = locals;
	filter(text);
	assert_early("proto=udp src=192.0.2.200 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=192.0.2.200 sport=1 dst=198.51.100.2 dport=80");
}

static void behind_nat_the_destination_of_tracked_packets_is_unknown(void **state)
{
	(void)state;
	filter("*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING "
	       "ACCEPT [0:0]\n"
	       "-A PREROUTING -p udp -m udp --dport 5000 -j DNAT --to-destination 10.0.0.1\nCOMMIT\n" FILTER(
		   "-A INPUT -d 198.51.100.1/32 -j DROP\n-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	assert_passes("proto=udp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

static void masquerading_on_the_way_out_looks_at_no_state(void **state)
{
	(void)state;
	filter(
	    "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT "
	    "[0:0]\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n" FILTER(
		"-A INPUT -s 192.0.2.1/32 -j DROP\n-A INPUT -p tcp -m tcp --dport 23 -j DROP\n"));
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	/* A reply to a masqueraded connection has another port when the rule sees it. */
	assert_passes("proto=tcp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=23 flags=syn");
	assert_non_null(strstr(covered_of(2)->reason, "NAT"));
}

static void effects_in_nat_hold_tracked_drops_back(void **state)
{
	(void)state;
	filter(
	    "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -j NOTRACK\nCOMMIT\n"
	    "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT "
	    "[0:0]\n-A PREROUTING -d 198.51.100.0/24 -j LOG\nCOMMIT\n" FILTER(
		"-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	assert_passes("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=22 flags=syn");
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=203.0.113.1 dport=22 flags=syn");
	assert_early(
	    "proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=22"); /* untracked: meets no nat */
	assert_non_null(strstr(covered_of(1)->reason, "--allow log"));
}

static void where_ipv6_addresses_are_known_only_packets_for_them_are_judged(void **state)
{
	(void)state;
	/* The kernel answers packets for others by "no route" before any rule of INPUT. */
	static const char text[] = FILTER("-A INPUT -s 2001:db8::/32 -j DROP\n");
	const struct region_local locals[] = {{FAMILY_IPV6, 1, 1}};
	compute(text, NULL, FAMILY_IPV6);
	assert_early("proto=udp src=2001:db8::1 sport=1 dst=2001:db9::1 dport=80");
	forget(NULL);
	options.local_count = 1;
	options.locals = locals;
	compute(text, NULL, FAMILY_IPV6);
	assert_passes("proto=udp src=2001:db8::1 sport=1 dst=2001:db9::1 dport=80");
}

static void marks_of_connections_on_the_way_out_hold_tracked_drops_back(void **state)
{
	(void)state;
	filter(
	    "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "
	    "[0:0]\n:POSTROUTING ACCEPT [0:0]\n-A OUTPUT -j CONNMARK --restore-mark\nCOMMIT\n" FILTER(
		"-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

static void a_mask_with_too_many_holes_is_left_to_the_kernel(void **state)
{
	(void)state;
	filter(FILTER("-A INPUT -s 10.0.0.1/170.85.170.85 -j DROP\n-A INPUT -s 192.0.2.0/24 -j DROP\n"));
	assert_passes("proto=udp src=10.0.0.1 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=192.0.2.9 sport=1 dst=198.51.100.1 dport=80");
	assert_non_null(strstr(covered_of(1)->reason, "holes"));
}

static void where_the_budget_is_short_the_first_rules_are_looked_at(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	buffer_puts(&text, "-A INPUT -s 192.0.2.1/32 -j DROP\n");
	for (unsigned i = 0; i < 500; i++)
		buffer_printf(&text,
			      "-A INPUT -s 10.%u.0.0/16 -d 10.0.%u.0/24 -p tcp -m tcp --dport %u:%u -j %s\n",
			      i * 7 % 251, i * 13 % 241, i, i + 777, i % 2 ? "DROP" : "ACCEPT");
	buffer_puts(&text, "-A INPUT -s 192.0.2.2/32 -j DROP\nCOMMIT\n");
	options.node_budget = 30000;
	filter(text.data);
	buffer_fini(&text);
	assert_in_range(region->rule_limit, 1, 400);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80"); /* behind the limit */
	assert_int_equal(covered_of(502)->coverage, COVERAGE_NONE);
}

static void jumps_returns_and_gotos(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:a - [0:0]\n:b - "
	       "[0:0]\n"
	       ":c - [0:0]\n"
	       "-A INPUT -s 192.0.2.0/24 -j a\n-A INPUT -s 192.0.2.0/25 -j ACCEPT\n-A INPUT -s 192.0.2.0/24 "
	       "-j DROP\n"
	       "-A INPUT -j ACCEPT\n"
	       "-A a -s 192.0.2.1/32 -j RETURN\n-A a -s 192.0.2.2/32 -g b\n-A a -s 192.0.2.0/30 -j DROP\n"
	       "-A b -p udp -j RETURN\n-A b -j c\n-A b -j DROP\n-A c -p tcp -j RETURN\n"
	       "COMMIT\n");
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80"); /* a returns, ACCEPT */
	assert_passes(
	    "proto=udp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80"); /* goto b returns behind a */
	assert_early("proto=tcp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80 flags=syn"); /* b drops */
	assert_early("proto=udp src=192.0.2.3 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=192.0.2.200 sport=1 dst=198.51.100.1 dport=80");
	assert_counts("proto=tcp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80 flags=syn",
		      "filter/c:1 filter/b:2 filter/b:3 filter/a:2 filter/INPUT:1");
}

static void a_list_counts_each_of_its_rules(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	buffer_puts(&text, "-A INPUT -s 192.0.2.128/25 -j DROP\n"); /* covers later ones */
	for (unsigned i = 0; i < 200; i++)
		buffer_printf(&text, "-A INPUT -s 192.0.2.%u/32 -m comment --comment \"n %u\" -j DROP\n", i,
			      i);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	buffer_fini(&text);
	assert_counts("proto=udp src=192.0.2.7 sport=1 dst=198.51.100.1 dport=80", "filter/INPUT:1-201");
	assert_early("proto=udp src=192.0.2.250 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=192.0.3.0 sport=1 dst=198.51.100.1 dport=80");
	const struct unit *unit = &region->units[region->covered[0].unit];
	assert_int_equal(unit->rule_count, 201);
	assert_int_equal(predicate_find(unit->predicate, 0xc0000207), 8);
	assert_int_equal(predicate_find(unit->predicate, 0xc0000282), 0); /* the /25 stands first */
	assert_int_equal(predicate_find(unit->predicate, 0xc00002fa), 0);
	assert_int_equal(predicate_find(unit->predicate, 0xc0000300), -1);
}

static void notrack_lists_are_counted_on_the_way(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_puts(&text, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 100; i++)
		buffer_printf(&text,
			      "-A PREROUTING -d 198.51.100.%u/32 -p tcp -m tcp --dport 443 -j NOTRACK\n", i);
	buffer_puts(&text, "COMMIT\n" FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	filter(text.data);
	buffer_fini(&text);
	assert_counts("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.5 dport=443 flags=syn",
		      "raw/PREROUTING:policy raw/PREROUTING:1-100 filter/INPUT:1");
	assert_counts("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.5 dport=444 flags=syn",
		      "raw/PREROUTING:policy filter/INPUT:1");
}

static void rules_that_go_on_are_no_list_where_they_overlap(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_puts(&text, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 10; i++)
		buffer_printf(&text, "-A PREROUTING -d 198.51.100.%u/32 -j NOTRACK\n", i);
	buffer_puts(&text, "-A PREROUTING -d 198.51.100.0/24 -j NOTRACK\n");
	buffer_puts(&text, "COMMIT\n" FILTER("-A INPUT -s 192.0.2.1/32 -j DROP\n"));
	filter(text.data);
	buffer_fini(&text);
	assert_counts("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.5 dport=443 flags=syn",
		      "raw/PREROUTING:policy raw/PREROUTING:1-10 raw/PREROUTING:11 filter/INPUT:1");
}

/* bitmap_port_kadt(): TCP and UDP, of whole packets and first fragments; where there is no port the test is
 * false, and its negation true. */
static void ports_of_a_bitmap_and_of_multiport(void **state)
{
	static const char sets[] = "create p bitmap:port range 0-1023\nadd p 53\nadd p 80-90\n";
	(void)state;
	compute(FILTER("-A INPUT -m set --match-set p dst -j DROP\n"), sets, FAMILY_IPV4);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=53");
	assert_early("proto=tcp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=90 flags=syn");
	assert_passes("proto=tcp src=192.0.2.1 sport=53 dst=198.51.100.1 dport=91 flags=syn");
	assert_passes("proto=sctp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=53");
	assert_passes("proto=udp src=192.0.2.1 dst=198.51.100.1 frag=later");
	/* The later ones go through: the first one must not wait for them in vain. */
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=53 frag=first");
	forget(state);
	compute(FILTER("-A INPUT -p udp -m set ! --match-set p dst -j DROP\n"), sets, FAMILY_IPV4);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=54");
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=53");
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=54 frag=first");
	forget(state);
	compute(FILTER("-A INPUT -p udp -m multiport ! --dports 53,80:90 -j DROP\n"), NULL, FAMILY_IPV4);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=54");
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=53");
	assert_passes("proto=udp src=192.0.2.1 dst=198.51.100.1 frag=later");
}

static void sets_are_bans_with_members(void **state)
{
	(void)state;
	compute(FILTER("-A INPUT -m set --match-set bans src -j DROP\n"),
		"create bans hash:net family inet hashsize 1024 maxelem 65536\n"
		"add bans 192.0.2.0/24\nadd bans 192.0.2.64/26 nomatch\nadd bans 198.51.100.7\n",
		FAMILY_IPV4);
	assert_early("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_passes("proto=udp src=192.0.2.65 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=198.51.100.7 sport=1 dst=198.51.100.1 dport=80");
	assert_non_null(region->units[region->covered[0].unit].predicate);
}

static void members_that_time_out_are_left_to_the_kernel(void **state)
{
	(void)state;
	compute(FILTER("-A INPUT -m set --match-set bans src -j DROP\n"),
		"create bans hash:ip family inet hashsize 1024 maxelem 65536 timeout 300\n"
		"add bans 192.0.2.1 timeout 20\nadd bans 192.0.2.2 timeout 0\n",
		FAMILY_IPV4);
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
	assert_early("proto=udp src=192.0.2.2 sport=1 dst=198.51.100.1 dport=80");
}

static void evaluating_a_set_with_counters_is_an_effect(void **state)
{
	(void)state;
	compute(FILTER("-A INPUT -m set --match-set bans src -j DROP\n"),
		"create bans hash:ip family inet hashsize 1024 maxelem 65536 counters\nadd bans 192.0.2.1\n",
		FAMILY_IPV4);
	assert_passes("proto=udp src=192.0.2.1 sport=1 dst=198.51.100.1 dport=80");
}

/* The region of the first rules within that of the second ones. */
static void compute_within(const char *text, const char *sets, const char *other_text, const char *other_sets)
{
	forget(NULL);
	compute(other_text, other_sets, FAMILY_IPV4);
	others = rules;
	rules = NULL;
	region_free(region);
	options.within = others;
	compute(text, sets, FAMILY_IPV4);
}

#define RAW(rules) "*raw\n:PREROUTING ACCEPT [0:0]\n" rules "COMMIT\n"
#define FROM(source) "proto=udp src=" source " sport=1 dst=192.0.2.1 dport=80"
#define FRIENDS "-A PREROUTING -m set ! --match-set bans src -j DROP\n"
#define BANS "-A PREROUTING -m set --match-set bans src -j DROP\n"

static void within_other_rules_only_what_both_drop_is_dropped_early(void **state)
{
	static const char one[] = RAW("-A PREROUTING -s 198.51.100.0/24 -j DROP\n"),
			  part[] = RAW("-A PREROUTING -s 198.51.100.0/25 -j DROP\n"),
			  some[] = RAW("-A PREROUTING -s 198.51.100.7 -j ACCEPT\n"
				       "-A PREROUTING -s 198.51.100.0/24 -p udp -j DROP\n"
				       "-A PREROUTING -s 203.0.113.0/24 -j DROP\n"),
			  none[] = RAW("");

	(void)state;
	compute_within(one, NULL, one, NULL);
	assert_false(region->narrowed);
	assert_early(FROM("198.51.100.9"));
	compute_within(part, NULL, one, NULL); /* tighter: all of it is within */
	assert_false(region->narrowed);
	compute_within(one, NULL, part, NULL); /* looser */
	assert_true(region->narrowed);
	assert_early(FROM("198.51.100.9"));
	assert_passes(FROM("198.51.100.200"));
	compute_within(one, NULL, some, NULL); /* neither */
	assert_true(region->narrowed);
	assert_early(FROM("198.51.100.9"));
	assert_passes(FROM("198.51.100.7"));
	assert_passes(FROM("203.0.113.7"));
	compute_within(one, NULL, none, NULL);
	assert_true(region->narrowed);
	assert_int_equal(region->root, DIAGRAM_FALSE);
}

static void sets_of_one_name_are_the_same_where_they_hold_the_same(void **state)
{
	static const char few[] = "create bans hash:net family inet\nadd bans 198.51.100.0/25\n",
			  again[] = "create bans hash:net family inet maxelem 10\nadd bans 198.51.100.0/25\n",
			  more[] = "create bans hash:net family inet\nadd bans 198.51.100.0/25\n"
				   "add bans 203.0.113.0/24\n",
			  other[] = "create bans hash:net family inet\nadd bans 198.51.100.0/26\n"
				    "add bans 203.0.113.128/25\nadd bans 192.0.2.128/25\n";

	(void)state;
	compute_within(RAW(BANS), few, RAW(BANS), again);
	assert_false(region->narrowed);
	compute_within(RAW(BANS), few, RAW(BANS), more);
	assert_false(region->narrowed);
	assert_early(FROM("198.51.100.9"));
	compute_within(RAW(BANS), more, RAW(BANS), other);
	assert_true(region->narrowed);
	assert_early(FROM("198.51.100.9"));
	assert_early(FROM("203.0.113.200"));
	assert_passes(FROM("198.51.100.100"));
	assert_passes(FROM("203.0.113.9"));
	/* of a set that lets through the greater one leaves less to drop */
	compute_within(RAW(FRIENDS), few, RAW(FRIENDS), more);
	assert_true(region->narrowed);
	assert_passes(FROM("203.0.113.9"));
	assert_early(FROM("192.0.2.9"));
	compute_within(RAW(FRIENDS), more, RAW(FRIENDS), few);
	assert_false(region->narrowed);
	compute_within(RAW(BANS), more, RAW(BANS), few);
	assert_true(region->narrowed);
	assert_early(FROM("198.51.100.9"));
	assert_passes(FROM("203.0.113.9"));
}

static void ipv6_bans(void **state)
{
	(void)state;
	compute(FILTER_DROP("-A INPUT -s 2001:db8::/32 -j DROP\n-A INPUT -p ipv6-icmp -j ACCEPT\n"
			    "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"),
		NULL, FAMILY_IPV6);
	assert_early("proto=udp src=2001:db8::1 sport=1 dst=2001:db9::1 dport=80");
	assert_passes("proto=tcp src=2001:db9::1 sport=1 dst=2001:db9::1 dport=22 flags=syn");
	assert_early("proto=tcp src=2001:db9::1 sport=1 dst=2001:db9::1 dport=23 flags=syn");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)
	const struct CMUnitTest tests[] = {
	    TEST(a_ban_is_dropped_early),
	    TEST(a_ban_behind_an_accept_by_state_is_left_to_the_kernel),
	    TEST(a_ban_in_front_of_state_rules_is_dropped_when_it_follows_from_the_tuple),
	    TEST(rules_on_the_way_out_that_look_at_state_hold_tracked_drops_back),
	    TEST(untracked_packets_do_not_move_connections),
	    TEST(the_policy_drops_what_no_rule_accepts),
	    TEST(parts_of_fragmented_packets_share_one_fate),
	    TEST(parts_of_fragmented_packets_are_counted_where_only_the_ip_header_decides),
	    TEST(flags_that_gro_changes_are_unknown_in_segments_with_data),
	    TEST(effects_hold_a_drop_back_unless_allowed),
	    TEST(evaluating_a_limit_is_an_effect_even_when_both_outcomes_drop),
	    TEST(a_match_that_is_not_modelled_is_unknown),
	    TEST(opaque_targets_hold_everything_behind_them_back),
	    TEST(what_a_target_changes_is_asked_for_again),
	    TEST(a_match_that_may_drop_at_once_is_an_effect_on_counters),
	    TEST(a_set_that_rules_change_is_unknown),
	    TEST(another_interface_does_not_count),
	    TEST(an_unknown_interface_means_all_of_them_but_lo),
	    TEST(where_the_host_may_forward_both_ways_must_drop),
	    TEST(a_destination_that_is_local_takes_the_way_of_input),
	    TEST(behind_nat_the_destination_of_tracked_packets_is_unknown),
	    TEST(masquerading_on_the_way_out_looks_at_no_state),
	    TEST(effects_in_nat_hold_tracked_drops_back),
	    TEST(where_ipv6_addresses_are_known_only_packets_for_them_are_judged),
	    TEST(marks_of_connections_on_the_way_out_hold_tracked_drops_back),
	    TEST(a_mask_with_too_many_holes_is_left_to_the_kernel),
	    TEST(where_the_budget_is_short_the_first_rules_are_looked_at),
	    TEST(jumps_returns_and_gotos),
	    TEST(a_list_counts_each_of_its_rules),
	    TEST(notrack_lists_are_counted_on_the_way),
	    TEST(rules_that_go_on_are_no_list_where_they_overlap),
	    TEST(ports_of_a_bitmap_and_of_multiport),
	    TEST(sets_are_bans_with_members),
	    TEST(members_that_time_out_are_left_to_the_kernel),
	    TEST(evaluating_a_set_with_counters_is_an_effect),
	    TEST(within_other_rules_only_what_both_drop_is_dropped_early),
	    TEST(sets_of_one_name_are_the_same_where_they_hold_the_same),
	    TEST(ipv6_bans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
