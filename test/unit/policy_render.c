/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What policies become: the rules and sets of each statement, as the texts that go to the readers; that the
 * readers take them; and that rules and sets then point to the policy. */
#include "read/load.h"
#include "read/policy/render_private.h"
#include "read/words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct rendered {
	struct arena *arena;
	struct diagnostics *sink;
	struct policy_tree *tree;
	struct policy_rendering *rendering; /* NULL: refused */
};

static struct rendered render_with(const char *text, const struct policy_render_options *options)
{
	struct rendered rendered = {.arena = arena_new(), .sink = diagnostics_new()};
	struct source *source = source_new(rendered.arena, "edge.weir", text, strlen(text));

	const struct policy_options reading = {.now = options ? options->now : 0};
	if (policy_read(rendered.arena, rendered.sink, source, &reading, &rendered.tree) == 0)
		policy_render(rendered.arena, rendered.tree, options, rendered.sink, &rendered.rendering);
	if (!rendered.rendering) {
		struct buffer said = {0};
		diagnostics_print(rendered.sink, &said);
		print_message("%s\n", said.data ? said.data : "");
		buffer_fini(&said);
	}
	return rendered;
}

static void rendered_fini(struct rendered *rendered)
{
	diagnostics_free(rendered->sink);
	arena_free(rendered->arena);
}

/* The rules of one table, "-A" left out, without its own chains' declarations. */
static void table_rules(const struct policy_text *text, const char *table, struct buffer *out)
{
	struct line_reader lines = {.source = text->source};
	bool inside = false;

	buffer_puts(out, "");
	while (line_reader_next(&lines)) {
		struct text line = span_text(lines.line);
		if (line.size && line.data[0] == '*')
			inside = text_is((struct text){line.data + 1, line.size - 1}, table);
		else if (inside && text_starts(line, "-A ")) {
			buffer_add(out, line.data + 3, line.size - 3);
			buffer_puts(out, "\n");
		}
	}
}

static void expect_text(const char *policy, const char *what, const struct buffer *found,
			const char *expected)
{
	if (strcmp(found->data ? found->data : "", expected) == 0)
		return;
	print_error("%s\n--- %s\n%s--- expected\n%s", policy, what, found->data ? found->data : "", expected);
	fail();
}

static void expect_rules(const char *policy, enum family family, const char *table, const char *expected)
{
	struct rendered rendered = render_with(policy, NULL);
	struct buffer found = {0};

	assert_non_null(rendered.rendering);
	table_rules(&rendered.rendering->rules[family], table, &found);
	expect_text(policy, table, &found, expected);
	buffer_fini(&found);
	rendered_fini(&rendered);
}

static void expect_sets(const char *policy, uint64_t now, const char *expected)
{
	struct rendered rendered = render_with(policy, &(struct policy_render_options){.now = now});
	struct buffer found = {0};

	assert_non_null(rendered.rendering);
	buffer_puts(&found, rendered.rendering->sets.source->data);
	expect_text(policy, "sets", &found, expected);
	buffer_fini(&found);
	rendered_fini(&rendered);
}

#define NEIGHBOURS(last)                                                                                     \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 133 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 134 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 130 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 131 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 132 -j ACCEPT\n"                                \
	"weir-neighbours -p ipv6-icmp -m icmp6 --icmpv6-type 143 -j ACCEPT\n" last                           \
	" -p ipv6-icmp -j weir-neighbours\n"

/* --- Defaults --------------------------------------------------------------------------------------------
 */

static void a_default_brings_what_a_host_needs(void **state)
{
	(void)state;
	expect_rules("default drop\n", FAMILY_IPV4, "filter",
		     "INPUT -i lo -j ACCEPT\n"
		     "INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
		     "INPUT -p icmp -m icmp --icmp-type 3 -j ACCEPT\n"
		     "INPUT -p icmp -m icmp --icmp-type 11 -j ACCEPT\n"
		     "INPUT -p icmp -m icmp --icmp-type 12 -j ACCEPT\n");
	expect_rules("default drop\n", FAMILY_IPV6, "filter",
		     "INPUT -i lo -j ACCEPT\n"
		     "INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n" NEIGHBOURS(
			 "INPUT") "INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 1 -j ACCEPT\n"
				  "INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT\n"
				  "INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 3 -j ACCEPT\n"
				  "INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 4 -j ACCEPT\n");
	expect_rules("default drop without loopback, established, neighbours, icmp-errors\n", FAMILY_IPV6,
		     "filter", "");
	expect_rules("default accept\n", FAMILY_IPV4, "filter", "");
}

static void what_is_forwarded_comes_back(void **state)
{
	(void)state;
	expect_rules(
	    "allow forward tcp from 192.0.2.0/24\ndefault drop without loopback, neighbours, icmp-errors\n",
	    FAMILY_IPV4, "filter",
	    "INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
	    "FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
	    "FORWARD -p tcp -s 192.0.2.0/24 -j ACCEPT\n");
}

static void default_reject_comes_last(void **state)
{
	(void)state;
	struct rendered rendered = render_with("default in reject\n", NULL);
	struct buffer found = {0};

	table_rules(&rendered.rendering->tail[FAMILY_IPV6], "filter", &found);
	expect_text("default in reject", "tail", &found,
		    "INPUT -p tcp -j REJECT --reject-with tcp-reset\n"
		    "INPUT -j REJECT --reject-with icmp6-port-unreachable\n");
	buffer_fini(&found);
	rendered_fini(&rendered);
}

/* --- Statements ------------------------------------------------------------------------------------------
 */

#define BARE "default drop without loopback, established, neighbours, icmp-errors\n"

static void stateless_is_untracked_both_ways(void **state)
{
	const char *listeners = "set web : address . port { 192.0.2.10 . tcp 443 }\nstateless to @web\n" BARE;
	(void)state;

	expect_rules(listeners, FAMILY_IPV4, "raw",
		     "PREROUTING -m set --match-set weir-web-4 dst,dst -j CT --notrack\n"
		     "OUTPUT -m set --match-set weir-web-4 src,src -j CT --notrack\n");
	expect_rules(listeners, FAMILY_IPV6, "filter",
		     "INPUT -m set --match-set weir-web-6 dst,dst -j ACCEPT\n");
	expect_rules("stateless tcp, udp to self port 53\n" BARE, FAMILY_IPV4, "raw",
		     "PREROUTING -p tcp -m tcp --dport 53 -m addrtype --dst-type LOCAL -j CT --notrack\n"
		     "PREROUTING -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j CT --notrack\n"
		     "OUTPUT -p tcp -m tcp --sport 53 -j CT --notrack\n"
		     "OUTPUT -p udp -m udp --sport 53 -j CT --notrack\n"
		     "OUTPUT -o lo -p tcp -m tcp --dport 53 -m addrtype --dst-type LOCAL -j CT --notrack\n"
		     "OUTPUT -o lo -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j CT --notrack\n");
	expect_rules("stateless tcp, udp to self port 53\n" BARE, FAMILY_IPV6, "filter",
		     "INPUT -p tcp -m tcp --dport 53 -j ACCEPT\nINPUT -p udp -m udp --dport 53 -j ACCEPT\n");
	expect_rules(
	    "stateless udp to 192.0.2.1 port 53\ndefault out drop without loopback, established, neighbours, "
	    "icmp-errors\n",
	    FAMILY_IPV4, "filter",
	    "INPUT -p udp -m udp --dport 53 -d 192.0.2.1/32 -j ACCEPT\n"
	    "OUTPUT -p udp -m udp --sport 53 -s 192.0.2.1/32 -j ACCEPT\n");
}

static void failsafe_comes_before_bans(void **state)
{
	const char *policy = "set bans { 198.18.0.0/15; 2001:db8:bad::/48; except self }\n"
			     "block from @bans both directions\n"
			     "failsafe tcp 22 from 203.0.113.0/24\nstateless udp port 53\n" BARE;
	(void)state;

	expect_rules(
	    policy, FAMILY_IPV4, "raw",
	    "PREROUTING -p tcp -m tcp --dport 22 -s 203.0.113.0/24 -j ACCEPT\n"
	    "PREROUTING ! -i lo -m set --match-set weir-bans-4 src -j DROP\n"
	    "PREROUTING -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j CT --notrack\n"
	    "OUTPUT -p tcp -m tcp --sport 22 -d 203.0.113.0/24 -j ACCEPT\n"
	    "OUTPUT -p udp -m udp --sport 53 -j CT --notrack\n"
	    "OUTPUT -o lo -p udp -m udp --dport 53 -j CT --notrack\n"
	    "OUTPUT ! -o lo -m set --match-set weir-bans-4 dst -m addrtype ! --dst-type LOCAL -j DROP\n");
	expect_rules(policy, FAMILY_IPV4, "filter",
		     "INPUT -p tcp -m tcp --dport 22 -s 203.0.113.0/24 -j ACCEPT\n"
		     "INPUT -p udp -m udp --dport 53 -j ACCEPT\n");
	/* IPv6 has neighbours, whom no ban may cut off, and no failsafe here. */
	expect_rules("block from 2001:db8::/32\ndefault accept\n", FAMILY_IPV6, "raw",
		     NEIGHBOURS("PREROUTING") "PREROUTING ! -i lo -s 2001:db8::/32 -j DROP\n");
}

static void blocks_of_what_leaves_and_passes(void **state)
{
	(void)state;
	expect_rules("interface x { eth0 }\nblock on x from 192.0.2.0/24\nblock from private\n" BARE,
		     FAMILY_IPV4, "raw",
		     "PREROUTING -i eth0 -s 192.0.2.0/24 -j DROP\n"
		     "PREROUTING ! -i lo -m set --match-set weir-private-4 src -j DROP\n");
	expect_rules("block out tcp to any port 25\ndefault accept\n", FAMILY_IPV4, "raw",
		     "OUTPUT ! -o lo -p tcp -m tcp --dport 25 -j DROP\n");
	expect_rules("block forward udp to any port 53\ndefault accept\n", FAMILY_IPV4, "filter",
		     "FORWARD -p udp -m udp --dport 53 -j DROP\n");
	expect_rules("block from 192.0.2.7 both directions\nallow forward tcp\n" BARE, FAMILY_IPV4, "filter",
		     "FORWARD -d 192.0.2.7/32 -j DROP\nFORWARD -p tcp -j ACCEPT\n");
}

/* Nothing to forward, and yet the answer is another than that of the default. */
static void another_answer_than_the_default(void **state)
{
	(void)state;
	expect_rules(
	    "reject forward udp to any port 53\ndefault forward drop without established, icmp-errors\n",
	    FAMILY_IPV4, "filter",
	    "FORWARD -p udp -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable\n");
	expect_rules("deny forward udp to any port 53\ndefault forward drop\n", FAMILY_IPV4, "filter", "");
	struct rendered rendered =
	    render_with("deny forward udp to any port 53\ndefault forward reject\n", NULL);
	struct buffer rules = {0};
	table_rules(&rendered.rendering->rules[FAMILY_IPV4], "filter", &rules);
	assert_non_null(rules.data);
	assert_non_null(strstr(rules.data, "FORWARD -p udp -m udp --dport 53 -j DROP\n"));
	buffer_fini(&rules);
	rendered_fini(&rendered);
}

static void allow_deny_reject_in_order(void **state)
{
	(void)state;
	expect_rules("interface lan { eth0, wg* }\n"
		     "deny tcp from 192.0.2.7-192.0.2.9\n"
		     "allow tcp, udp on lan port 80, 443, 1000-2000\n"
		     "reject from 192.0.2.0/24\nreject udp, tcp port 113\n"
		     "allow ping\nallow icmp 3/4\nallow sctp source port 5 port 6\nallow out tcp to any port "
		     "25\n" BARE,
		     FAMILY_IPV4, "filter",
		     "INPUT -p tcp -m iprange --src-range 192.0.2.7-192.0.2.9 -j DROP\n"
		     "INPUT -i eth0 -p tcp -m multiport --dports 80,443,1000:2000 -j ACCEPT\n"
		     "INPUT -i eth0 -p udp -m multiport --dports 80,443,1000:2000 -j ACCEPT\n"
		     "INPUT -i wg+ -p tcp -m multiport --dports 80,443,1000:2000 -j ACCEPT\n"
		     "INPUT -i wg+ -p udp -m multiport --dports 80,443,1000:2000 -j ACCEPT\n"
		     "INPUT -p tcp -s 192.0.2.0/24 -j REJECT --reject-with tcp-reset\n"
		     "INPUT -s 192.0.2.0/24 -j REJECT --reject-with icmp-port-unreachable\n"
		     "INPUT -p tcp -m tcp --dport 113 -j REJECT --reject-with tcp-reset\n"
		     "INPUT -p udp -m udp --dport 113 -j REJECT --reject-with icmp-port-unreachable\n"
		     "INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT\n"
		     "INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT\n"
		     "INPUT -p sctp -m sctp --sport 5 --dport 6 -j ACCEPT\n"
		     "OUTPUT -p tcp -m tcp --dport 25 -j ACCEPT\n");
}

static void limits(void **state)
{
	const char *tail = " --hashlimit-htable-max 262144 --hashlimit-htable-expire ";
	char expected[1024];
	(void)state;

	snprintf(
	    expected, sizeof(expected),
	    "PREROUTING ! -i lo -p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK SYN -m hashlimit "
	    "--hashlimit-above 50/sec --hashlimit-burst 200 --hashlimit-mode srcip --hashlimit-srcmask 24 "
	    "--hashlimit-name weir-limit-1%s10000 -j DROP\n",
	    tail);
	expect_rules("limit syn port 80 to 50/s burst 200 per source/24,/64\n", FAMILY_IPV4, "raw", expected);
	/* A source is kept until its burst is whole again. Two conditions: one count all the same. */
	snprintf(expected, sizeof(expected),
		 "PREROUTING -j weir-limit-1\n"
		 "weir-limit-1 ! -i lo -p udp -d 192.0.2.0/24 -g weir-limit-1-do\n"
		 "weir-limit-1 ! -i lo -p udp -d 192.0.2.1/32 -g weir-limit-1-do\n"
		 "weir-limit-1-do -m hashlimit --hashlimit-above 6/min --hashlimit-burst 5 --hashlimit-name "
		 "weir-limit-1"
		 "%s50000 -j DROP\n",
		 tail);
	expect_rules("limit udp to 192.0.2.0/24, 192.0.2.1 at 6/min burst 5\n", FAMILY_IPV4, "raw", expected);
	/* Syncookies are a setting besides. */
	snprintf(expected, sizeof(expected),
		 "PREROUTING ! -i lo -p tcp -m tcp --dport 80 --tcp-flags FIN,SYN,RST,ACK SYN -m hashlimit "
		 "--hashlimit-above 5/sec --hashlimit-burst 5 --hashlimit-name weir-limit-1%s10000 -j DROP\n",
		 tail);
	expect_rules("limit syn port 80 at 5/s with syncookies\n", FAMILY_IPV4, "raw", expected);
	expect_rules(
	    "limit syn port 80 at 5/s with synproxy\n" BARE, FAMILY_IPV6, "filter",
	    "INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm "
	    "--timestamp --wscale 7 --mss 1440\n"
	    "INPUT -p tcp -m tcp --dport 80 -m conntrack --ctstate INVALID -j DROP\n");
}

static void mirrors(void **state)
{
	(void)state;
	expect_rules("mirror tcp port 80 to 192.0.2.77 via eth1 both directions sample 1/4\n", FAMILY_IPV4,
		     "mangle",
		     "PREROUTING -j weir-mirror-1-in\n"
		     "weir-mirror-1-in -i lo -j RETURN\n"
		     "weir-mirror-1-in -i eth1 -j RETURN\n"
		     "weir-mirror-1-in -p tcp -m tcp --dport 80 -g weir-mirror-1\n"
		     "POSTROUTING -j weir-mirror-1-out\n"
		     "weir-mirror-1-out -o lo -j RETURN\n"
		     "weir-mirror-1-out -o eth1 -j RETURN\n"
		     "weir-mirror-1-out -p tcp -m tcp --dport 80 -m addrtype ! --src-type LOCAL -j RETURN\n"
		     "weir-mirror-1-out -p tcp -m tcp --sport 80 -g weir-mirror-1\n"
		     "weir-mirror-1 -m statistic --mode random --probability 0.25000000000 -j TEE --gateway "
		     "192.0.2.77 "
		     "--oif eth1\n");
	expect_rules("mirror tcp port 80 to 192.0.2.77 via eth1\n", FAMILY_IPV6, "mangle", "");
	expect_rules(
	    "mirror udp to 192.0.2.77 via eth1\ndefault out drop without loopback, established, neighbours, "
	    "icmp-errors\n",
	    FAMILY_IPV4, "filter", "OUTPUT -o eth1 -p udp -m conntrack --ctstate UNTRACKED -j ACCEPT\n");
}

static void balances(void **state)
{
	const char *policy =
	    "balance tcp to 192.0.2.10 port 25 { 192.0.2.21 weight 4; 192.0.2.22 port 2525 weight 2 } "
	    "masquerade check every 2s\n" BARE;
	(void)state;

	expect_rules(
	    policy, FAMILY_IPV4, "nat",
	    "PREROUTING -p tcp -m tcp --dport 25 -d 192.0.2.10/32 -j weir-balance-1\n"
	    "OUTPUT -p tcp -m tcp --dport 25 -d 192.0.2.10/32 -j weir-balance-1\n"
	    "weir-balance-1 -p tcp -m statistic --mode nth --every 3 --packet 0 -j DNAT --to-destination "
	    "192.0.2.21:25\n"
	    "weir-balance-1 -p tcp -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination "
	    "192.0.2.22:2525\n"
	    "weir-balance-1 -p tcp -j DNAT --to-destination 192.0.2.21:25\n"
	    "POSTROUTING -d 192.0.2.21/32 -p tcp -m tcp --dport 25 -m conntrack --ctstate DNAT -j "
	    "MASQUERADE\n"
	    "POSTROUTING -d 192.0.2.22/32 -p tcp -m tcp --dport 2525 -m conntrack --ctstate DNAT -j "
	    "MASQUERADE\n");
	expect_rules(
	    policy, FAMILY_IPV4, "filter",
	    "INPUT -d 192.0.2.21/32 -p tcp -m tcp --dport 25 -m conntrack --ctstate DNAT -j ACCEPT\n"
	    "INPUT -d 192.0.2.22/32 -p tcp -m tcp --dport 2525 -m conntrack --ctstate DNAT -j ACCEPT\n"
	    "FORWARD -d 192.0.2.21/32 -p tcp -m tcp --dport 25 -m conntrack --ctstate DNAT -j ACCEPT\n"
	    "FORWARD -d 192.0.2.22/32 -p tcp -m tcp --dport 2525 -m conntrack --ctstate DNAT -j ACCEPT\n");
	/* Two listeners, one backend: each connection has the source that its own listener says. */
	expect_rules(
	    "balance tcp to 2001:db8::1 port 25 { 2001:db8::7 } masquerade\n"
	    "balance tcp to 2001:db8::2 port 25 { 2001:db8::7 } snat 2001:db8::3\n",
	    FAMILY_IPV6, "nat",
	    "PREROUTING -p tcp -m tcp --dport 25 -d 2001:db8::1/128 -j weir-balance-1\n"
	    "OUTPUT -p tcp -m tcp --dport 25 -d 2001:db8::1/128 -j weir-balance-1\n"
	    "weir-balance-1 -p tcp -j DNAT --to-destination [2001:db8::7]:25\n"
	    "POSTROUTING -d 2001:db8::7/128 -p tcp -m tcp --dport 25 -m conntrack --ctstate DNAT --ctorigdst "
	    "2001:db8::1 --ctorigdstport 25 -j MASQUERADE\n"
	    "PREROUTING -p tcp -m tcp --dport 25 -d 2001:db8::2/128 -j weir-balance-2\n"
	    "OUTPUT -p tcp -m tcp --dport 25 -d 2001:db8::2/128 -j weir-balance-2\n"
	    "weir-balance-2 -p tcp -j DNAT --to-destination [2001:db8::7]:25\n"
	    "POSTROUTING -d 2001:db8::7/128 -p tcp -m tcp --dport 25 -m conntrack --ctstate DNAT --ctorigdst "
	    "2001:db8::2 --ctorigdstport 25 -j SNAT --to-source 2001:db8::3\n");
}

static bool first_is_down(void *context, const struct policy_statement *balance, size_t backend)
{
	(void)context;
	assert_int_equal(balance->kind, STATEMENT_BALANCE);
	return backend == 0;
}

static void backends_that_are_down_get_nothing_new(void **state)
{
	const char *policy = "balance tcp to 192.0.2.10 port 25 { 192.0.2.21; 192.0.2.22; 192.0.2.23 }\n";
	const struct policy_render_options options = {.backend_down = first_is_down};
	struct rendered rendered = render_with(policy, &options);
	struct buffer found = {0};
	(void)state;

	assert_non_null(rendered.rendering);
	table_rules(&rendered.rendering->rules[FAMILY_IPV4], "nat", &found);
	expect_text(
	    policy, "nat", &found,
	    "PREROUTING -p tcp -m tcp --dport 25 -d 192.0.2.10/32 -j weir-balance-1\n"
	    "OUTPUT -p tcp -m tcp --dport 25 -d 192.0.2.10/32 -j weir-balance-1\n"
	    "weir-balance-1 -p tcp -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination "
	    "192.0.2.22:25\n"
	    "weir-balance-1 -p tcp -j DNAT --to-destination 192.0.2.23:25\n");
	buffer_fini(&found);
	rendered_fini(&rendered);
}

/* --- Shares ----------------------------------------------------------------------------------------------
 */

static struct policy_balance shares(struct policy_backend *backends, size_t count, const uint32_t *weights)
{
	for (size_t i = 0; i < count; i++)
		backends[i] =
		    (struct policy_backend){.address = 0xc0000215 + i, .port = 25, .weight = weights[i]};
	return (struct policy_balance){.backends = backends, .backend_count = count};
}

static void turns_are_weights(void **state)
{
	struct policy_backend backends[3];
	struct policy_balance balance = shares(backends, 3, (const uint32_t[]){10, 20, 30});
	uint16_t slots[BALANCE_SLOTS_MAX];
	size_t taken[3] = {0};
	const bool down[3] = {false, false, true}, all[3] = {true, true, true};
	(void)state;

	assert_int_equal(balance_slots(&balance, NULL, slots), 6);
	for (size_t i = 0; i < 6; i++)
		taken[slots[i]]++;
	assert_int_equal(taken[0], 1);
	assert_int_equal(taken[1], 2);
	assert_int_equal(taken[2], 3);
	assert_int_equal(balance_slots(&balance, down, slots), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(slots[i], 2);
	/* All down is no better than none. */
	assert_int_equal(balance_slots(&balance, all, slots), 6);
}

static void parts_move_from_who_left_alone(void **state)
{
	struct policy_backend backends[4];
	struct policy_balance balance = shares(backends, 4, (const uint32_t[]){1, 1, 1, 1});
	uint16_t before[BALANCE_PARTS], after[BALANCE_PARTS];
	size_t had[4] = {0}, has[4] = {0};
	const bool down[4] = {false, true, false, false};
	(void)state;

	balance_parts(&balance, NULL, before);
	balance_parts(&balance, down, after);
	for (size_t i = 0; i < BALANCE_PARTS; i++) {
		had[before[i]]++;
		has[after[i]]++;
		if (before[i] != 1)
			assert_int_equal(after[i], before[i]);
		else
			assert_int_not_equal(after[i], 1);
	}
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(had[i], 8);
	assert_int_equal(has[1], 0);
	for (size_t i = 0; i < 4; i++)
		if (i != 1)
			assert_in_range(has[i], 10, 11);
}

/* --- Sets ------------------------------------------------------------------------------------------------
 */

static void sets_of_the_kernel(void **state)
{
	(void)state;
	expect_sets("set all { 0.0.0.0/0; counters }\nset unused { 192.0.2.1 }\nblock from @all\n", 0,
		    "create weir-all-4 hash:net family inet hashsize 1024 maxelem 65536 counters\n"
		    "add weir-all-4 0.0.0.0/1\nadd weir-all-4 128.0.0.0/1\n"
		    "create weir-all-6 hash:net family inet6 hashsize 1024 maxelem 65536 counters\n");
	expect_sets("set some { ::/0 \"it all\"; 192.0.2.7-192.0.2.9 }\nblock from @some\n", 0,
		    "create weir-some-4 hash:net family inet hashsize 1024 maxelem 65536\n"
		    "add weir-some-4 192.0.2.7\nadd weir-some-4 192.0.2.8/31\n"
		    "create weir-some-6 hash:net family inet6 hashsize 1024 maxelem 65536 comment\n"
		    "add weir-some-6 ::/1 comment \"it all\"\nadd weir-some-6 8000::/1 comment \"it all\"\n");
	expect_sets("set web : address . port { 192.0.2.0/31 . tcp 80-81; 2001:db8::1 . udp 443 }\nstateless "
		    "to @web\n",
		    0,
		    "create weir-web-4 hash:ip,port family inet hashsize 1024 maxelem 65536\n"
		    "add weir-web-4 192.0.2.0,tcp:80-81\nadd weir-web-4 192.0.2.1,tcp:80-81\n"
		    "create weir-web-6 hash:ip,port family inet6 hashsize 1024 maxelem 65536\n"
		    "add weir-web-6 2001:db8::1,udp:443\n");
	expect_sets("set hosts : address { 192.0.2.0/31 }\nblock from @hosts\n", 0,
		    "create weir-hosts-4 hash:ip family inet hashsize 1024 maxelem 65536\n"
		    "add weir-hosts-4 192.0.2.0\nadd weir-hosts-4 192.0.2.1\n"
		    "create weir-hosts-6 hash:ip family inet6 hashsize 1024 maxelem 65536\n");
}

static void times_run_from_now(void **state)
{
	(void)state;
	expect_sets(
	    "set bans { timeout 1h; 192.0.2.1 until 1795000100; 192.0.2.2; 192.0.2.3 until 1895000000 }\n"
	    "block from @bans\n",
	    1795000000,
	    "create weir-bans-4 hash:net family inet hashsize 1024 maxelem 65536 timeout 0\n"
	    "add weir-bans-4 192.0.2.1 timeout 100\nadd weir-bans-4 192.0.2.2 timeout 0\n"
	    "add weir-bans-4 192.0.2.3 timeout 2147483\n"
	    "create weir-bans-6 hash:net family inet6 hashsize 1024 maxelem 65536 timeout 0\n");
}

/* --- Read back -------------------------------------------------------------------------------------------
 */

static const char whole[] = "set admins { 203.0.113.0/24; 2001:db8:5::/48 }\n"                  /* 1 */
			    "set web : address . port { 192.0.2.10 . tcp 443 }\n"               /* 2 */
			    "set bans {\n\t198.18.0.0/15\n\texcept @admins, private, self\n}\n" /* 3 */
			    "failsafe tcp 22 from @admins\n"                                    /* 7 */
			    "block from @bans both directions\n"                                /* 8 */
			    "stateless to @web\n"                                               /* 9 */
			    "limit syn to self port 22, 80 at 50/s per source\n"                /* 10 */
			    "mirror tcp port 80 to 192.0.2.77 via eth1 both directions\n"       /* 11 */
			    "balance tcp to 192.0.2.10 port 25 hash source {\n"                 /* 12 */
			    "\t192.0.2.21 weight 2\n\t192.0.2.22\n} masquerade\n"
			    "allow tcp from @admins\n" /* 16 */
			    "reject tcp to self port 113\n"
			    "default reject\ndefault out drop\n"; /* 18 */

static uint32_t line_of(struct span span)
{
	return source_locate(span.source, span.begin).line;
}

static void rules_and_sets_point_to_the_policy(void **state)
{
	const struct rules_text text = {"edge.weir", {whole, sizeof(whole) - 1}};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	unsigned seen = 0;
	(void)state;

	int result = rules_load_texts(&text, 1, sink, &ruleset);
	if (result) {
		struct buffer said = {0};
		diagnostics_print(sink, &said);
		print_message("%s\n", said.data ? said.data : "");
		buffer_fini(&said);
	}
	assert_int_equal(result, 0);
	assert_true(ruleset->translated);
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];
			for (size_t i = 0; i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
					struct span span = table->chains[i]->rules[j].span;
					assert_string_equal(span.source->name, "edge.weir");
					seen |= 1u << line_of(span);
				}
		}
	/* 13 and 14 are the backends, 18 and 19 the defaults. */
	assert_int_equal(seen, 1u << 7 | 1u << 8 | 1u << 9 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 |
				   1u << 14 | 1u << 16 | 1u << 17 | 1u << 18 | 1u << 19);
	const struct table *filter = &ruleset->tables[FAMILY_IPV4][TABLE_FILTER];
	assert_int_equal(line_of(filter->hooks[HOOK_INPUT]->span), 18);
	assert_int_equal(line_of(filter->hooks[HOOK_OUTPUT]->span), 19);
	assert_int_equal(filter->hooks[HOOK_INPUT]->policy, POLICY_DROP);
	/* A statement of several lines is shown by its first. */
	const struct table *nat = &ruleset->tables[FAMILY_IPV4][TABLE_NAT];
	struct text shown = rule_text(&nat->hooks[HOOK_PREROUTING]->rules[0]);
	assert_true(text_is(shown, "balance tcp to 192.0.2.10 port 25 hash source {"));
	const struct set *bans = ruleset_find_set(ruleset, TEXT("weir-bans-4"));
	struct set_member member;
	assert_int_equal(line_of(bans->span), 3);
	set_member_get(bans, 0, &member);
	assert_int_equal(line_of(set_member_span(bans, &member)), 4);
	ruleset_free(ruleset);
	diagnostics_free(sink);
}

static void files_of_rules_come_behind(void **state)
{
	char directory[] = "/tmp/weir-render-XXXXXX", path[64], list[64];
	static const char policy[] = "rules \"own.v4\"\nallow tcp port 80\ndefault reject\n";
	static const char rules[] =
	    "*filter\n:INPUT ACCEPT\n:own - [0:0]\n-A INPUT -p tcp --dport 81 -j own\n"
	    "-A own -s 192.0.2.1 -j ACCEPT\nCOMMIT\n";
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	(void)state;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/own.v4", directory);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(rules, file);
	fclose(file);
	snprintf(list, sizeof(list), "%s/edge.weir", directory);
	const struct rules_text text = {list, {policy, sizeof(policy) - 1}};
	assert_int_equal(rules_load_texts(&text, 1, sink, &ruleset), 0);
	const struct chain *input = ruleset->tables[FAMILY_IPV4][TABLE_FILTER].hooks[HOOK_INPUT];
	size_t count = input->rule_count;
	assert_int_equal(input->policy, POLICY_DROP);
	assert_int_equal(line_of(input->rules[count - 4].span), 2);
	assert_string_equal(input->rules[count - 3].span.source->name, path);
	assert_int_equal(line_of(input->rules[count - 3].span), 4);
	assert_non_null(input->rules[count - 3].target.chain);
	assert_int_equal(line_of(input->rules[count - 1].span), 3);
	ruleset_free(ruleset);
	unlink(path);
	rmdir(directory);
	diagnostics_free(sink);
}

static void what_the_kernel_cannot_do_is_refused(void **state)
{
	static const struct {
		const char *policy, *said;
	} cases[] = {
	    {"mirror tcp to 192.0.2.77 via eth1 truncate 128\n", "copies cannot be cut short"},
	    {"balance tcp to 192.0.2.1 port 25 { 192.0.2.2 weight 255; 192.0.2.3 weight 254; 192.0.2.4 "
	     "weight 253; "
	     "192.0.2.5 weight 251; 192.0.2.6 weight 250 }\n",
	     "more than 1024 turns"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rendered rendered = render_with(cases[i].policy, NULL);
		struct buffer said = {0};
		assert_null(rendered.rendering);
		diagnostics_print(rendered.sink, &said);
		assert_non_null(strstr(said.data, cases[i].said));
		assert_non_null(strstr(said.data, "edge.weir:1:"));
		buffer_fini(&said);
		rendered_fini(&rendered);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_default_brings_what_a_host_needs),
	    cmocka_unit_test(what_is_forwarded_comes_back),
	    cmocka_unit_test(default_reject_comes_last),
	    cmocka_unit_test(stateless_is_untracked_both_ways),
	    cmocka_unit_test(failsafe_comes_before_bans),
	    cmocka_unit_test(blocks_of_what_leaves_and_passes),
	    cmocka_unit_test(another_answer_than_the_default),
	    cmocka_unit_test(allow_deny_reject_in_order),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(mirrors),
	    cmocka_unit_test(balances),
	    cmocka_unit_test(backends_that_are_down_get_nothing_new),
	    cmocka_unit_test(turns_are_weights),
	    cmocka_unit_test(parts_move_from_who_left_alone),
	    cmocka_unit_test(sets_of_the_kernel),
	    cmocka_unit_test(times_run_from_now),
	    cmocka_unit_test(rules_and_sets_point_to_the_policy),
	    cmocka_unit_test(files_of_rules_come_behind),
	    cmocka_unit_test(what_the_kernel_cannot_do_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
