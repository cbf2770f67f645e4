/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rewriting: what becomes of rules, what stays, and that random rulesets do the same to random packets, by
 * the proof and by the engine. */
#include "rewrite/rewrite.h"
#include "engine/engine.h"
#include "meaning/reach.h"
#include "read/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ruleset *before, *after;
static struct rewrite *rewrite;
static struct difference *difference;
static struct rewrite_options options;
static struct buffer rules4, rules6, sets;

static int forget(void **state)
{
	(void)state;
	difference_cleanup(&difference);
	difference = NULL;
	rewrite_cleanup(&rewrite);
	rewrite = NULL;
	ruleset_cleanup(&after);
	after = NULL;
	ruleset_cleanup(&before);
	before = NULL;
	options = (struct rewrite_options){0};
	buffer_fini(&rules4);
	buffer_fini(&rules6);
	buffer_fini(&sets);
	rules4 = rules6 = sets = (struct buffer){0};
	return 0;
}

static struct ruleset *load(const char *const *texts, size_t count)
{
	struct rules_text named[3];
	struct ruleset *ruleset = NULL;
	struct diagnostics *sink = diagnostics_new();

	for (size_t i = 0; i < count; i++)
		named[i] = (struct rules_text){"test", text_of(texts[i])};
	int result = rules_load_texts(named, count, sink, &ruleset);
	if (result) {
		struct buffer out = {0};
		diagnostics_print(sink, &out);
		print_error("%s\n%s", out.data ? out.data : "", texts[0]);
		buffer_fini(&out);
	}
	diagnostics_free(sink);
	assert_int_equal(result, 0);
	return ruleset;
}

/* Rewrites, reads back, and wants the proof. */
static void rewrite_texts(const char *const *texts, size_t count)
{
	struct diagnostics *sink = diagnostics_new();
	const struct difference_options proof = {.effects = true, .region_limit = 1};

	before = load(texts, count);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	rewrite_print_rules(rewrite, FAMILY_IPV4, &rules4);
	rewrite_print_rules(rewrite, FAMILY_IPV6, &rules6);
	rewrite_print_sets(rewrite, &sets);
	int result = rewrite_prove(rewrite, &proof, sink, &after, &difference);
	if (result) {
		struct buffer out = {0};
		diagnostics_print(sink, &out);
		print_error("%s\n%s", out.data ? out.data : "", rules4.data);
		buffer_fini(&out);
	}
	diagnostics_free(sink);
	assert_int_equal(result, 0);
	if (difference->answer != DIFFERENCE_NONE)
		print_error("not proven:\n%s\n%s\n%s", texts[0], rules4.data, sets.data ? sets.data : "");
	assert_int_equal(difference->answer, DIFFERENCE_NONE);
}

static void filter(const char *text)
{
	const char *texts[] = {text};
	rewrite_texts(texts, 1);
}

/* The rules of the output, in order, one a line. */
static void expect(const char *lines)
{
	struct buffer found = {0};

	for (const char *at = rules4.data; at && *at;) {
		size_t size = strcspn(at, "\n");
		if (strncmp(at, "-A ", 3) == 0 || *at == '[') {
			buffer_add(&found, at, size);
			buffer_puts(&found, "\n");
		}
		at += size + (at[size] == '\n');
	}
	assert_string_equal(found.data ? found.data : "", lines);
	buffer_fini(&found);
}

static void assert_has(const struct buffer *text, const char *line)
{
	if (!text->data || !strstr(text->data, line))
		fail_msg("no \"%s\" in\n%s", line, text->data ? text->data : "");
}

static struct rewrite_place place_of(enum table_id table, const char *chain, uint32_t number)
{
	const struct chain *found = table_find_chain(&before->tables[FAMILY_IPV4][table], text_of(chain));
	assert_non_null(found);
	return rewrite_place(rewrite, &found->rules[number - 1]);
}

/* "-A INPUT -s 192.0.2.N/32 END" for N from `first`, `count` times. */
static void add_bans(struct buffer *out, unsigned first, unsigned count, const char *end)
{
	for (unsigned i = 0; i < count; i++)
		buffer_printf(out, "-A INPUT -s 192.0.2.%u/32 %s\n", first + i, end);
}

static void filter_built(struct buffer *body)
{
	struct buffer text = {0};

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	buffer_add(&text, body->data, body->size);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	buffer_fini(&text);
	buffer_fini(body);
}

/* --- Lists
 * -------------------------------------------------------------------------------------------------------- */

static void bans_become_a_set(void **state)
{
	struct buffer body = {0};
	(void)state;

	buffer_puts(&body, "-A INPUT -i lo -j ACCEPT\n");
	add_bans(&body, 1, 7, "-j DROP");
	buffer_puts(&body, "-A INPUT -s 198.51.100.0/24 -j DROP\n-A INPUT -p icmp -j ACCEPT\n");
	filter_built(&body);
	expect("-A INPUT -i lo -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n"
	       "-A INPUT -p icmp -j ACCEPT\n");
	assert_has(&sets, "create weir-v4-nets-1 hash:net family inet hashsize 1024 maxelem 65536\n");
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.7\nadd weir-v4-nets-1 198.51.100.0/24\n");
	struct rewrite_place place = place_of(TABLE_FILTER, "INPUT", 9);
	assert_int_equal(place.fate, FATE_MEMBER);
	assert_int_equal(place.number, 2);
	assert_string_equal(place.set, "weir-v4-nets-1");
	assert_false(place.moved);
}

static void seven_stay(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 7, "-j DROP");
	filter_built(&body);
	assert_false(rewrite_changed(rewrite));
	assert_int_equal(rewrite_set_count(rewrite), 0);
}

static void services_of_three_chains_share_a_set(void **state)
{
	struct buffer raw = {0};
	(void)state;

	buffer_puts(&raw, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&raw, "-A PREROUTING -d 192.0.2.1/32 -p %s --dport %u -j CT --notrack\n",
			      i % 2 ? "udp" : "tcp", 50 + i);
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&raw, "-A OUTPUT -s 192.0.2.1/32 -p %s --sport %u -j CT --notrack\n",
			      i % 2 ? "udp" : "tcp", 50 + i);
	buffer_puts(&raw,
		    "COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 8; i-- > 0;)
		buffer_printf(&raw, "-A INPUT -d 192.0.2.1/32 -p %s --dport %u -j ACCEPT\n",
			      i % 2 ? "udp" : "tcp", 50 + i);
	buffer_puts(&raw, "COMMIT\n");
	filter(raw.data);
	buffer_fini(&raw);
	expect("-A PREROUTING -m set --match-set weir-v4-services-1 dst,dst -j CT --notrack\n"
	       "-A OUTPUT -m set --match-set weir-v4-services-1 src,src -j CT --notrack\n"
	       "-A INPUT -m set --match-set weir-v4-services-1 dst,dst -j ACCEPT\n");
	assert_int_equal(rewrite_set_count(rewrite), 1);
	assert_int_equal(rewrite_set_at(rewrite, 0).uses, 3);
	assert_true(rewrite_loses_hot_drop(rewrite));
}

static void opposite_verdicts_split_a_list(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j DROP");
	buffer_puts(&body, "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n");
	add_bans(&body, 101, 8, "-j DROP");
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n"
	       "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-nets-2 src -j DROP\n");
}

static void a_rule_joins_its_list_past_rules_of_other_packets(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 4, "-p tcp -j DROP");
	buffer_puts(&body, "-A INPUT -s 198.51.100.7/32 -j ACCEPT\n-A INPUT -p udp -j ACCEPT\n"
			   "-A INPUT -s 203.0.113.0/24 -j DROP\n");
	add_bans(&body, 5, 4, "-p tcp -j DROP");
	filter_built(&body);
	expect("-A INPUT -p tcp -m set --match-set weir-v4-nets-1 src -j DROP\n"
	       "-A INPUT -s 198.51.100.7/32 -j ACCEPT\n"
	       "-A INPUT -p udp -j ACCEPT\n"
	       "-A INPUT -s 203.0.113.0/24 -j DROP\n");
	assert_true(place_of(TABLE_FILTER, "INPUT", 8).moved);
	assert_false(place_of(TABLE_FILTER, "INPUT", 4).moved);
}

static void nothing_moves_past_a_limit(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j DROP");
	buffer_puts(&body, "-A INPUT -s 198.51.100.7/32 -m limit --limit 3/min -j ACCEPT\n");
	add_bans(&body, 9, 7, "-j DROP");
	filter_built(&body);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 16).fate, FATE_KEPT);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 16).number, 9);
}

static void what_a_set_cannot_hold_stays(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j DROP");
	buffer_puts(&body, "-A INPUT ! -s 192.0.2.0/24 -j DROP\n"
			   "-A INPUT -j DROP\n");
	filter_built(&body);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 9).fate, FATE_KEPT);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 10).fate, FATE_KEPT);
}

/* iptables-save would print the first as if it asked for no port. */
static void rules_for_no_port_go(void **state)
{
	(void)state;
	filter("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "-A INPUT -p tcp -m tcp ! --dport 0:65535 -j DROP\n-A INPUT -p udp -m udp --sport 0:65535 -j "
	       "DROP\nCOMMIT\n");
	expect("-A INPUT -p udp -m udp -j DROP\n");
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 1).fate, FATE_CONTRADICTS);
	forget(NULL);
	options.without = REWRITE_DEAD;
	const char *texts[] = {
	    "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp ! --dport 0:65535 -j DROP\nCOMMIT\n"};
	const struct difference_options proof = {.effects = true};
	struct diagnostics *sink = diagnostics_new();
	before = load(texts, 1);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	assert_int_equal(rewrite_prove(rewrite, &proof, sink, &after, &difference), -EINVAL);
	assert_int_equal(diagnostics_errors(sink), 1);
	diagnostics_free(sink);
}

/* Diagrams cannot say what such a mask holds: there is no proof, but no set with it either. */
static void a_mask_with_holes_is_no_member(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n");
	add_bans(&text, 1, 8, "-j DROP");
	buffer_puts(&text, "-A INPUT -s 192.0.0.9/255.255.0.255 -j DROP\nCOMMIT\n");
	const char *texts[] = {text.data};
	before = load(texts, 1);
	buffer_fini(&text);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 9).fate, FATE_KEPT);
}

/* A packet from 192.0.2.1 is logged twice. */
static void lists_that_go_on_hold_no_packet_twice(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j LOG");
	buffer_puts(&body, "-A INPUT -s 192.0.2.0/30 -j LOG\n");
	filter_built(&body);
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 8);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 9).fate, FATE_KEPT);
}

static void lists_that_end_hold_packets_twice(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 8, "-j REJECT");
	buffer_puts(&body, "-A INPUT -s 192.0.2.0/30 -j REJECT\n");
	filter_built(&body);
	expect(
	    "-A INPUT -m set --match-set weir-v4-nets-1 src -j REJECT --reject-with icmp-port-unreachable\n");
	assert_int_equal(rewrite_set_at(rewrite, 0).members, 9);
}

static void a_tcp_reset_keeps_its_protocol(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		buffer_printf(
		    &body,
		    "-A INPUT -d 192.0.2.1/32 -p tcp -m tcp --dport %u -j REJECT --reject-with tcp-reset\n",
		    50 + i);
	filter_built(&body);
	assert_false(rewrite_changed(rewrite));
}

static void other_matches_stay_in_the_rule(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&body,
			      "-A INPUT -s 203.0.113.0/24 -d 192.0.2.1/32 -i eth0 -p tcp -m conntrack "
			      "--ctstate NEW -m tcp "
			      "--dport %u -j ACCEPT\n",
			      50 + i);
	filter_built(&body);
	expect(
	    "-A INPUT -s 203.0.113.0/24 -i eth0 -m set --match-set weir-v4-services-1 dst,dst -m conntrack "
	    "--ctstate NEW -j ACCEPT\n");
}

static void pairs_of_addresses_with_ports(void **state)
{
	struct buffer body = {0};
	(void)state;

	for (unsigned i = 0; i < 8; i++)
		buffer_printf(
		    &body,
		    "-A INPUT -s 192.0.2.%u/32 -d 198.51.100.%u/32 -p tcp -m tcp --dport %u -j ACCEPT\n",
		    i + 1, i * 3, i + 80);
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&body, "-A INPUT -s 203.0.113.%u/29 -p udp -m udp --dport %u -j ACCEPT\n",
			      i * 8, i + 80);
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-flows-1 src,dst,dst -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-net-services-1 src,dst -j ACCEPT\n");
	assert_has(&sets, "add weir-v4-flows-1 192.0.2.2,tcp:81,198.51.100.3\n");
	assert_has(&sets, "add weir-v4-net-services-1 203.0.113.8/29,udp:81\n");
}

static void comments_go_to_the_members(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 7, "-j DROP");
	buffer_puts(&body,
		    "-A INPUT -s 192.0.2.8/32 -m comment --comment \"the \\\"worst\\\" one\" -j DROP\n");
	filter_built(&body);
	expect("-A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n");
	assert_has(&sets, "maxelem 65536 comment\n");
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.8 comment \"the 'worst' one\"\n");
}

static void what_was_counted_is_carried_over(void **state)
{
	(void)state;
	struct buffer text = {0};

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [5:300]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&text, "[%u:%u] -A INPUT -s 192.0.2.%u/32 -j DROP\n", i, i * 100, i + 1);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	expect("[28:2800] -A INPUT -m set --match-set weir-v4-nets-1 src -j DROP\n");
	assert_has(&sets, "maxelem 65536 counters\n");
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.8 packets 7 bytes 700\n");
	assert_has(&rules4, ":INPUT ACCEPT [5:300]\n");
	forget(NULL);
	options.no_counters = true;
	filter(text.data);
	assert_has(&sets, "add weir-v4-nets-1 192.0.2.8\n");
	buffer_fini(&text);
}

static void names_that_are_taken_are_left_alone(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			   "-A INPUT -m set --match-set weir-v4-nets-1 src -j ACCEPT\n");
	add_bans(&text, 1, 8, "-j DROP");
	buffer_puts(&text, "COMMIT\n");
	const char *texts[] = {text.data,
			       "create weir-v4-nets-1 hash:net\nadd weir-v4-nets-1 203.0.113.0/24\n"};
	rewrite_texts(texts, 2);
	buffer_fini(&text);
	expect("-A INPUT -m set --match-set weir-v4-nets-1 src -j ACCEPT\n"
	       "-A INPUT -m set --match-set weir-v4-nets-2 src -j DROP\n");
}

static void ipv6_has_sets_of_its_own(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text,
		    "# Generated by ip6tables-save\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
		    ":OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 8; i++)
		buffer_printf(&text, "-A INPUT -s 2001:db8:%x::/48 -j DROP\n", i);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	buffer_fini(&text);
	assert_has(&rules6, "-A INPUT -m set --match-set weir-v6-nets-1 src -j DROP\n");
	assert_has(&sets, "create weir-v6-nets-1 hash:net family inet6 ");
	assert_null(rules4.data);
}

/* --- The other steps
 * ---------------------------------------------------------------------------------------------- */

static void what_was_said_is_not_said_again(void **state)
{
	struct buffer body = {0};
	(void)state;

	buffer_puts(&body, "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
			   "-A INPUT -s 192.0.2.0/24 -j DROP\n"
			   "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment again -j ACCEPT\n"
			   "-A INPUT -p udp -j LOG\n-A INPUT -p udp -j LOG\n");
	filter_built(&body);
	expect("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "-A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "-A INPUT -p udp -j LOG\n-A INPUT -p udp -j LOG\n");
	struct rewrite_place place = place_of(TABLE_FILTER, "INPUT", 3);
	assert_int_equal(place.fate, FATE_REPEATED);
	assert_int_equal(place.by->number, 1);
}

/* The second may match what the first did not: the set is filled in between. */
static void a_set_that_rules_fill_is_asked_again(void **state)
{
	struct buffer text = {0};
	(void)state;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			   "-A INPUT -m set --match-set learned src -j DROP\n"
			   "-A INPUT -p tcp -m tcp --dport 23 -j SET --add-set learned src\n"
			   "-A INPUT -m set --match-set learned src -j DROP\nCOMMIT\n");
	const char *texts[] = {text.data, "create learned hash:ip\n"};
	rewrite_texts(texts, 2);
	buffer_fini(&text);
	assert_false(rewrite_changed(rewrite));
}

static void chains_that_nobody_calls_go(void **state)
{
	(void)state;
	filter("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       ":lost - [0:0]\n:below - [0:0]\n:used - [0:0]\n"
	       "-A INPUT -p tcp -j used\n-A lost -j below\n-A below -j DROP\n-A used -s 192.0.2.1/32 -j "
	       "DROP\nCOMMIT\n");
	expect("-A INPUT -p tcp -j used\n-A used -s 192.0.2.1/32 -j DROP\n");
	assert_int_equal(place_of(TABLE_FILTER, "below", 1).fate, FATE_UNCALLED);
	assert_null(strstr(rules4.data, "lost"));
}

static void rewrite_with_reach(const char *text)
{
	const char *texts[] = {text};
	struct reach_report *report = NULL;
	struct ruleset *ruleset = load(texts, 1);

	assert_int_equal(reach_compute(ruleset, FAMILY_IPV4, 0, &report), 0);
	assert_int_equal(
	    rewrite_compute(ruleset, &(struct rewrite_options){.reach[FAMILY_IPV4] = report}, &rewrite), 0);
	reach_free(report);
	before = ruleset;
	rewrite_print_rules(rewrite, FAMILY_IPV4, &rules4);
}

static void dead_rules_go(void **state)
{
	(void)state;
	rewrite_with_reach("*filter\n:INPUT ACCEPT [0:0]\n"
			   "-A INPUT -s 192.0.2.0/24 -j DROP\n"
			   "-A INPUT -s 192.0.2.7/32 -p tcp -j ACCEPT\n"
			   "-A INPUT -s 192.0.2.7/32 -m limit --limit 1/s -j ACCEPT\nCOMMIT\n");
	expect("-A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "-A INPUT -s 192.0.2.7/32 -m limit --limit 1/sec -j ACCEPT\n");
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 2).fate, FATE_DEAD);
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 2).by->number, 1);
}

/* The last rule is reached: behind NOTRACK the state is UNTRACKED. */
static void notrack_brings_rules_to_life(void **state)
{
	(void)state;
	rewrite_with_reach("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			   "-A PREROUTING -m state --state UNTRACKED -j ACCEPT\n"
			   "-A PREROUTING -p tcp -j CT --notrack\n"
			   "-A PREROUTING -m state --state INVALID,NEW,RELATED,ESTABLISHED -j ACCEPT\n"
			   "-A PREROUTING -p tcp -j DROP\nCOMMIT\n");
	assert_int_equal(place_of(TABLE_RAW, "PREROUTING", 4).fate, FATE_KEPT);
}

static void what_many_ask_is_asked_once(void **state)
{
	struct buffer body = {0};
	(void)state;

	buffer_puts(&body, "-A INPUT -i lo -j ACCEPT\n");
	for (unsigned i = 0; i < 16; i++)
		buffer_printf(&body,
			      "-A INPUT -i eth0 -p tcp -m tcp --dport %u -m mac --mac-source "
			      "00:00:5e:00:53:%02x -j %s\n",
			      100 + i, i, i % 2 ? "ACCEPT" : "DROP");
	buffer_puts(&body, "-A INPUT -i eth0 -j RETURN\n");
	filter_built(&body);
	assert_has(&rules4, ":weir-INPUT-1 - [0:0]\n");
	assert_has(&rules4, "-A INPUT -i lo -j ACCEPT\n-A INPUT -i eth0 -p tcp -j weir-INPUT-1\n-A INPUT -i "
			    "eth0 -j RETURN\n");
	assert_has(
	    &rules4,
	    "-A weir-INPUT-1 -p tcp -m tcp --dport 100 -m mac --mac-source 00:00:5e:00:53:00 -j DROP\n");
	assert_int_equal(place_of(TABLE_FILTER, "INPUT", 2).number, 1);
}

static void what_is_met_most_comes_first(void **state)
{
	(void)state;
	filter("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	       "[1:40] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "[9:40] -A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "[5:40] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n"
	       "[90:40] -A INPUT -s 203.0.113.0/24 -p udp -j ACCEPT\nCOMMIT\n");
	/* The last one shares no packet with those before it; of the others the second and third do. */
	expect("[90:40] -A INPUT -s 203.0.113.0/24 -p udp -j ACCEPT\n"
	       "[1:40] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
	       "[9:40] -A INPUT -s 192.0.2.0/24 -j DROP\n"
	       "[5:40] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n");
	assert_true(place_of(TABLE_FILTER, "INPUT", 4).moved);
}

static void its_own_output_it_leaves_alone(void **state)
{
	struct buffer body = {0};
	(void)state;

	add_bans(&body, 1, 9, "-j DROP");
	for (unsigned i = 0; i < 9; i++)
		buffer_printf(&body, "-A INPUT -d 192.0.2.1/32 -p udp -m udp --dport %u -j ACCEPT\n", i + 1);
	filter_built(&body);
	struct buffer rules = rules4, own_sets = sets;
	rules4 = sets = (struct buffer){0};
	const char *texts[] = {rules.data, own_sets.data};
	forget(NULL);
	rewrite_texts(texts, 2);
	assert_false(rewrite_changed(rewrite));
	assert_string_equal(rules4.data, rules.data);
	buffer_fini(&rules);
	buffer_fini(&own_sets);
}

/* --- Random rulesets
 * ---------------------------------------------------------------------------------------------- */

struct random {
	uint64_t state;
};

static uint32_t below(struct random *random, uint32_t limit)
{
	uint64_t z = (random->state += 0x9e3779b97f4a7c15u); /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % limit;
}

static void draw_net(struct random *random, const char *option, struct buffer *out)
{
	static const unsigned lengths[] = {32, 32, 32, 32, 31, 30, 29};
	unsigned length = lengths[below(random, 7)];

	buffer_printf(out, "%s %s 192.0.2.%u/%u", below(random, 12) ? "" : " !", option,
		      below(random, 24) & ~((1u << (32 - length)) - 1), length);
}

/* Rules that are alike but for a key, so that there are lists, and some of another kind between them. */
static void draw_list_rule(struct random *random, const char *chain, unsigned kind, const char *target,
			   struct buffer *out)
{
	buffer_printf(out, "-A %s", chain);
	switch (kind) {
	case 0:
		draw_net(random, "-s", out);
		break;
	case 1:
		draw_net(random, "-d", out);
		buffer_puts(out, " -p tcp");
		break;
	case 2:
		buffer_printf(out, " -d 192.0.2.%u/32 -p tcp --dport %u", below(random, 24),
			      80 + below(random, 3));
		break;
	case 3:
		draw_net(random, "-s", out);
		buffer_printf(out, " -i eth0 -p udp --dport %u", 80 + below(random, 3));
		break;
	default:
		buffer_printf(out, " -s 192.0.2.%u/32 -d 192.0.2.%u/32 -p udp --sport %u", below(random, 24),
			      below(random, 24), 80 + below(random, 3));
		break;
	}
	buffer_printf(out, " -j %s\n", target);
}

static void draw_rule(struct random *random, const char *chain, bool raw, struct buffer *out)
{
	static const char *const targets[] = {"DROP",   "DROP", "ACCEPT", "ACCEPT",
					      "ACCEPT", "one",  "RETURN", "LOG"};
	const char *target = raw ? (below(random, 4) ? "CT --notrack" : "ACCEPT") : targets[below(random, 8)];

	if (strcmp(chain, "one") == 0 && strcmp(target, "one") == 0)
		target = "DROP";
	if (below(random, 12)) {
		static const char *const list_targets[] = {"DROP", "ACCEPT", "DROP", "LOG", "RETURN"};
		unsigned kind = below(random, 5);
		draw_list_rule(random, chain, kind, raw ? "CT --notrack" : list_targets[kind], out);
		return;
	}
	buffer_printf(out, "-A %s", chain);
	if (below(random, 4))
		draw_net(random, "-s", out);
	if (below(random, 6) == 0)
		buffer_printf(out, " -i eth%u", below(random, 2));
	if (below(random, 2)) {
		buffer_printf(out, " -p %s", below(random, 2) ? "tcp" : "udp");
		if (below(random, 4))
			buffer_printf(out, " --%cport %u", below(random, 4) ? 'd' : 's',
				      80 + below(random, 3));
	}
	if (below(random, 8) == 0)
		buffer_puts(out, " -m limit --limit 1/s");
	if (!raw && below(random, 10) == 0)
		buffer_puts(out, " -m conntrack --ctstate NEW");
	if (below(random, 10) == 0)
		buffer_puts(out, " -m mark --mark 1");
	buffer_printf(out, " -j %s\n", target);
}

static void draw_ruleset(struct random *random, struct buffer *out)
{
	unsigned rules = 40 + below(random, 100);

	buffer_puts(out, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < rules / 2; i++)
		draw_rule(random, "PREROUTING", true, out);
	buffer_puts(out, "COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "
			 "[0:0]\n:one - [0:0]\n");
	for (unsigned i = 0; i < rules; i++)
		draw_rule(random, below(random, 4) ? "INPUT" : "one", false, out);
	buffer_puts(out, "COMMIT\n");
}

static struct packet draw_packet(struct random *random)
{
	struct packet packet = {.family = FAMILY_IPV4,
				.known = KNOWN_IN | KNOWN_OUT | KNOWN_PROTOCOL | KNOWN_SOURCE |
					 KNOWN_DESTINATION | KNOWN_PORTS | KNOWN_TCP_FLAGS | KNOWN_STATE |
					 KNOWN_LENGTH | KNOWN_FRAGMENT | KNOWN_MARK,
				.protocol = below(random, 2) ? 6 : 17,
				.source_port = (uint16_t)(80 + below(random, 3)),
				.destination_port = (uint16_t)(80 + below(random, 3)),
				.source = {192, 0, 2, (uint8_t)below(random, 26)},
				.destination = {192, 0, 2, (uint8_t)below(random, 26)},
				.length = 60,
				.mark = below(random, 2),
				.state = below(random, 2) ? STATE_NEW : STATE_ESTABLISHED};

	snprintf(packet.in, sizeof(packet.in), "eth%u", below(random, 3));
	if (below(random, 10) == 0) {
		packet.fragment_offset = 100;
		packet.known &= ~(uint32_t)(KNOWN_PORTS | KNOWN_TCP_FLAGS);
	}
	return packet;
}

static void same_outcome(const struct packet *packet, const char *rules)
{
	struct outcome old, new;

	assert_int_equal(engine_run(before, packet, PATH_INPUT, NULL, NULL, &old), 0);
	assert_int_equal(engine_run(after, packet, PATH_INPUT, NULL, NULL, &new), 0);
	if (old.verdicts == new.verdicts && old.effects == new.effects &&old.untracked == new.untracked)
		return;
	struct buffer text = {0};
	packet_print(packet, &text);
	fail_msg("%s\nverdicts %u, now %u; effects %u, now %u\n%s\n%s\n%s", text.data, old.verdicts,
		 new.verdicts, old.effects, new.effects, rules, rules4.data, sets.data ? sets.data : "");
}

static void random_rulesets_do_the_same(void **state)
{
	const char *wanted = getenv("WEIR_REWRITE_RULESETS");
	unsigned rulesets = wanted ? (unsigned)atoi(wanted) : 60;
	size_t lists = 0;
	(void)state;

	for (unsigned seed = 1; seed <= rulesets; seed++) {
		struct random random = {seed};
		struct buffer text = {0};
		draw_ruleset(&random, &text);
		print_message("seed %u\n", seed);
		filter(text.data);
		lists += rewrite_set_count(rewrite);
		for (unsigned i = 0; i < 300; i++) {
			struct packet packet = draw_packet(&random);
			same_outcome(&packet, text.data);
		}
		buffer_fini(&text);
		forget(NULL);
	}
	assert_true(lists >= rulesets);
}

/* What is proven within so many nodes, and the steps that were left out for it. */
static enum difference_answer prove_within(const char *text, size_t nodes, unsigned *left_out)
{
	struct diagnostics *sink = diagnostics_new();
	const struct difference_options proof = {.effects = true, .region_limit = 1, .node_budget = nodes};

	before = load(&text, 1);
	assert_int_equal(rewrite_compute(before, &options, &rewrite), 0);
	assert_int_equal(rewrite_prove_less(&rewrite, &proof, sink, &after, &difference, left_out), 0);
	diagnostics_free(sink);
	return difference->answer;
}

/* Bans cost less than services in two dimensions; with still fewer nodes nothing is proven. */
static void a_small_budget_takes_fewer_steps(void **state)
{
	struct buffer text = {0};
	unsigned left_out = 0, proven = 0, partly = 0, undecided = 0;

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 1; i <= 20; i++)
		buffer_printf(&text, "-A INPUT -i eth0 -s 192.0.2.%u/32 -j DROP\n", i);
	for (unsigned i = 1; i <= 20; i++)
		buffer_printf(&text, "-A INPUT -i eth0 -s 192.0.2.%u/32 -j DROP\n", i);
	for (unsigned i = 1; i <= 20; i++)
		buffer_printf(&text,
			      "-A INPUT -i eth1 -d 198.51.100.%u/32 -p tcp -m tcp --dport %u -j ACCEPT\n", i,
			      1000 + 37 * i);
	buffer_puts(&text, "COMMIT\n");
	for (size_t nodes = 20; nodes < 20000; nodes += nodes / 10) {
		enum difference_answer answer = prove_within(text.data, nodes, &left_out);
		proven += answer == DIFFERENCE_NONE && !left_out;
		partly += answer == DIFFERENCE_NONE && left_out;
		undecided += answer == DIFFERENCE_UNDECIDED;
		assert_true(answer != DIFFERENCE_FOUND);
		assert_true(answer == DIFFERENCE_UNDECIDED || rewrite_changed(rewrite));
		forget(state);
	}
	print_message("%u proven, %u with fewer steps, %u undecided\n", proven, partly, undecided);
	assert_true(proven && partly && undecided);
	buffer_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(bans_become_a_set, forget),
	    cmocka_unit_test_teardown(seven_stay, forget),
	    cmocka_unit_test_teardown(services_of_three_chains_share_a_set, forget),
	    cmocka_unit_test_teardown(opposite_verdicts_split_a_list, forget),
	    cmocka_unit_test_teardown(a_rule_joins_its_list_past_rules_of_other_packets, forget),
	    cmocka_unit_test_teardown(nothing_moves_past_a_limit, forget),
	    cmocka_unit_test_teardown(what_a_set_cannot_hold_stays, forget),
	    cmocka_unit_test_teardown(rules_for_no_port_go, forget),
	    cmocka_unit_test_teardown(a_mask_with_holes_is_no_member, forget),
	    cmocka_unit_test_teardown(lists_that_go_on_hold_no_packet_twice, forget),
	    cmocka_unit_test_teardown(lists_that_end_hold_packets_twice, forget),
	    cmocka_unit_test_teardown(a_tcp_reset_keeps_its_protocol, forget),
	    cmocka_unit_test_teardown(other_matches_stay_in_the_rule, forget),
	    cmocka_unit_test_teardown(pairs_of_addresses_with_ports, forget),
	    cmocka_unit_test_teardown(comments_go_to_the_members, forget),
	    cmocka_unit_test_teardown(what_was_counted_is_carried_over, forget),
	    cmocka_unit_test_teardown(names_that_are_taken_are_left_alone, forget),
	    cmocka_unit_test_teardown(ipv6_has_sets_of_its_own, forget),
	    cmocka_unit_test_teardown(what_was_said_is_not_said_again, forget),
	    cmocka_unit_test_teardown(a_set_that_rules_fill_is_asked_again, forget),
	    cmocka_unit_test_teardown(chains_that_nobody_calls_go, forget),
	    cmocka_unit_test_teardown(dead_rules_go, forget),
	    cmocka_unit_test_teardown(notrack_brings_rules_to_life, forget),
	    cmocka_unit_test_teardown(what_many_ask_is_asked_once, forget),
	    cmocka_unit_test_teardown(what_is_met_most_comes_first, forget),
	    cmocka_unit_test_teardown(its_own_output_it_leaves_alone, forget),
	    cmocka_unit_test_teardown(random_rulesets_do_the_same, forget),
	    cmocka_unit_test_teardown(a_small_budget_takes_fewer_steps, forget),
	};
	return cmocka_run_group_tests_name("rewrite", tests, NULL, NULL);
}
