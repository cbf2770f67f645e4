/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading iptables-save: what is taken, as it is printed again, and what is refused, by its code. Faults as
 * the user sees them are in test/golden/read. */
#include "extension/extension.h"
#include "read/load.h"
#include "ruleset/rule_parser.h"

#include "iptables_save_lines.h"

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

/* Loads the text as a file of that name's ending. */
static int load_bytes(const char *text, size_t size, const char *suffix, struct diagnostics *sink,
		      struct ruleset **ruleset)
{
	char path[] = "/tmp/weir-test-XXXXXX.v4";
	snprintf(path + strlen(path) - 3, 4, "%s", suffix);
	int fd = mkstemps(path, 3);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	close(fd);
	const char *paths[] = {path};
	int result = rules_load(paths, 1, sink, ruleset);
	unlink(path);
	return result;
}

static int load(const char *text, const char *suffix, struct diagnostics *sink, struct ruleset **ruleset)
{
	return load_bytes(text, strlen(text), suffix, sink, ruleset);
}

static struct ruleset *load_good(const char *text, const char *suffix)
{
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	int result = load(text, suffix, sink, &ruleset);
	struct buffer said = {0};
	diagnostics_print(sink, &said);
	if (result)
		print_message("%s\n", said.data);
	assert_int_equal(result, 0);
	buffer_fini(&said);
	diagnostics_free(sink);
	return ruleset;
}

/* All that is said about the text. */
static void assert_refused(const char *text, const char *code)
{
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	struct buffer said = {0};
	int result = load(text, ".v4", sink, &ruleset);
	assert_int_equal(result, -EINVAL);
	assert_null(ruleset);
	diagnostics_print(sink, &said);
	if (!strstr(said.data, code))
		print_message("%s\n%s\n", text, said.data);
	assert_non_null(strstr(said.data, code));
	buffer_fini(&said);
	diagnostics_free(sink);
}

static const struct chain *chain_of(const struct ruleset *ruleset, enum family family, enum table_id table,
				    const char *name)
{
	const struct chain *chain = table_find_chain(&ruleset->tables[family][table], text_of(name));
	assert_non_null(chain);
	return chain;
}

/* The rules of INPUT in filter, one a line, without "-A INPUT ". */
static void assert_prints(const char *rules, const char *suffix, const char *expected)
{
	struct buffer text = {0}, printed = {0};
	buffer_printf(&text, "*filter\n:INPUT ACCEPT [0:0]\n:user - [0:0]\n%sCOMMIT\n", rules);
	struct ruleset *ruleset = load_good(text.data, suffix);
	enum family family = strcmp(suffix, ".v6") == 0 ? FAMILY_IPV6 : FAMILY_IPV4;
	const struct chain *chain = chain_of(ruleset, family, TABLE_FILTER, "INPUT");
	for (size_t i = 0; i < chain->rule_count; i++) {
		assert_int_equal(chain->rules[i].number, i + 1);
		rule_print(&chain->rules[i], true, &printed);
		buffer_puts(&printed, "\n");
	}
	assert_string_equal(printed.data, expected);
	buffer_fini(&printed);
	buffer_fini(&text);
	ruleset_free(ruleset);
}

/* The expectations were taken from iptables-legacy-save 1.8.9. */
static void prints_as_iptables_save_does(void **state)
{
	(void)state;
	assert_prints("-A INPUT -p tcp -s 10.0.0.0/255.0.255.0 ! -d 192.0.2.4/12 -f -i eth+ -j LOG\n"
		      "-A INPUT -p 6 --dport 80 -g user\n"
		      "-A INPUT -p TCP -m tcp --sport 1:2 ! --dport :80 -j user\n"
		      "-A INPUT -p tcp --syn -j ACCEPT\n"
		      "-A INPUT -m comment --comment -dash -j RETURN\n"
		      "-A INPUT -p udp --dport 53 -m comment --comment \"a \\\"b\\\" \\\\ c's\"\n"
		      "-A INPUT -p icmp --icmp-type echo-request\n"
		      "-A INPUT -j REJECT\n"
		      "-A INPUT -s 10.1 -i + -p all\n"
		      "-A INPUT ! -s 0/0 -j DROP\n"
		      "-A INPUT ! -i lo ! -p gre\n"
		      "-A INPUT -p 254 ! -f\n"
		      "-A INPUT -m limit --limit 3/min --limit-burst 7 -j ACCEPT\n"
		      "-A INPUT -m mac ! --mac-source 00:11:22:33:44:55 -j MARK --set-xmark 0x1/0xff\n",
		      ".v4",
		      "-s 10.0.0.0/255.0.255.0 ! -d 192.0.0.0/12 -i eth+ -p tcp -f -j LOG\n"
		      "-p tcp -m tcp --dport 80 -g user\n"
		      "-p tcp -m tcp --sport 1:2 ! --dport 0:80 -j user\n"
		      "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT\n"
		      "-m comment --comment -dash -j RETURN\n"
		      "-p udp -m udp --dport 53 -m comment --comment \"a \\\"b\\\" \\\\ c\\'s\"\n"
		      "-p icmp -m icmp --icmp-type 8\n"
		      "-j REJECT --reject-with icmp-port-unreachable\n"
		      "-s 10.1.0.0/32\n"
		      "! -s 0.0.0.0/0 -j DROP\n"
		      "! -i lo ! -p gre\n"
		      "-p 254 ! -f\n"
		      "-m limit --limit 3/min --limit-burst 7 -j ACCEPT\n"
		      "-m mac ! --mac-source 00:11:22:33:44:55 -j MARK --set-xmark 0x1/0xff\n");
	assert_prints("-A INPUT -s 2001:db8::5/ffff:0:ffff:: -p icmpv6 -m icmp6 --icmpv6-type 128 -j DROP\n",
		      ".v6", "-s 2001::/ffff:0:ffff:: -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP\n");
}

static void reads_old_and_odd_spellings(void **state)
{
	(void)state;
	assert_prints("-A INPUT ! -s 192.0.2.1 --protocol tcp -j DROP\r\n"
		      "  [5:6]  --append INPUT --source 192.0.2.1   --jump DROP  \n"
		      "# a comment\n\n"
		      "-A INPUT -6 -j DROP\n" /* for the other program */
		      "-A INPUT -4 -j DROP\n"
		      "-A INPUT -s 192.0.2.1,192.0.2.2 -d 203.0.113.0/25,203.0.113.200\n",
		      ".v4",
		      "! -s 192.0.2.1/32 -p tcp -j DROP\n"
		      "-s 192.0.2.1/32 -j DROP\n"
		      "-j DROP\n"
		      "-s 192.0.2.1/32 -d 203.0.113.0/25\n"
		      "-s 192.0.2.1/32 -d 203.0.113.200/32\n"
		      "-s 192.0.2.2/32 -d 203.0.113.0/25\n"
		      "-s 192.0.2.2/32 -d 203.0.113.200/32\n");
}

static void keeps_counters_policies_flavour(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load_good("# Generated by iptables-nft-save v1.8.9 (nf_tables) on Mon Jan  5 2026\n"
		      "*filter\n:INPUT DROP [7:8]\n:user - [0:0]\n"
		      "[1:2] -A INPUT -j user\n-A user -c 3 4 -j DROP\nCOMMIT\n"
		      "*raw\nCOMMIT\n",
		      ".v4");
	const struct chain *input = chain_of(ruleset, FAMILY_IPV4, TABLE_FILTER, "INPUT");
	const struct chain *user = chain_of(ruleset, FAMILY_IPV4, TABLE_FILTER, "user");
	assert_int_equal(ruleset->flavour[FAMILY_IPV4], FLAVOUR_NFT);
	assert_int_equal(ruleset->flavour[FAMILY_IPV6], FLAVOUR_UNKNOWN);
	assert_int_equal(input->policy, POLICY_DROP);
	assert_int_equal(input->bytes, 8);
	assert_int_equal(input->rules[0].packets, 1);
	assert_int_equal(user->rules[0].bytes, 4);
	assert_int_equal(user->policy, POLICY_NONE);
	/* Built-in chains are there though the input does not name them. */
	assert_int_equal(chain_of(ruleset, FAMILY_IPV4, TABLE_FILTER, "FORWARD")->policy, POLICY_ACCEPT);
	assert_ptr_equal(ruleset->tables[FAMILY_IPV4][TABLE_RAW].hooks[HOOK_PREROUTING],
			 chain_of(ruleset, FAMILY_IPV4, TABLE_RAW, "PREROUTING"));
	assert_int_equal(input->depth, 1);
	assert_int_equal(user->depth, 0);
	assert_true(user->order < input->order);
	struct text text = rule_text(&input->rules[0]);
	assert_true(text_is(text, "-A INPUT -j user"));
	ruleset_free(ruleset);
}

/* What is not modelled, such as what xtables-addons has, keeps all of its words; none of them gets lost or
 * goes to another match. */
static void opaque_takes_what_nobody_knows(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load_good("*filter\n-A INPUT -p tcp -m geoip --source-country DE -m tcp --dport 80 "
		      "-m psd --psd-note \"-s x\" --psd-delay-threshold 3 -j TARPIT --note \"a b\"\nCOMMIT\n",
		      ".v4");
	const struct rule *rule = &chain_of(ruleset, FAMILY_IPV4, TABLE_FILTER, "INPUT")->rules[0];
	assert_int_equal(rule->match_count, 3);
	assert_int_equal(rule->protocol, 6);
	const struct opaque_data *geoip = rule->matches[0].data, *psd = rule->matches[2].data;
	const struct opaque_data *target = rule->target.data;
	assert_ptr_equal(rule->matches[0].type, &match_opaque);
	assert_true(text_is(geoip->text, "-m geoip --source-country DE"));
	assert_true(text_is(psd->text, "-m psd --psd-note \"-s x\" --psd-delay-threshold 3"));
	assert_ptr_equal(rule->target.type, &target_opaque);
	assert_true(text_is(target->name, "TARPIT"));
	assert_true(text_is(target->text, "-j TARPIT --note \"a b\""));
	ruleset_free(ruleset);
}

static void refuses(void **state)
{
	(void)state;
	assert_refused("*filter\n-A INPUT -p tcp --dprt 80 -j DROP\nCOMMIT\n", "error[unknown-option]");
	assert_refused("*filter\n-A INPUT -j DORP\nCOMMIT\n", "did you mean DROP?");
	assert_refused("*filter\n-A INPUT -s 2001:db8::1\nCOMMIT\n*raw\n-A PREROUTING -s 192.0.2.1\nCOMMIT\n",
		       "error[");
	assert_refused("# Generated by ip6tables-save\n*filter\n-A INPUT -s 192.0.2.1\nCOMMIT\n",
		       "error[mixed-family]");
	assert_refused("*filter\n:a - [0:0]\n-A a -j a\nCOMMIT\n", "error[loop]");
	assert_refused("*filter\n# Table `x' is incompatible, use 'nft' tool.\nCOMMIT\n",
		       "error[incompatible-table]");
	assert_refused("*filter\n-A INPUT -j DROP\n", "error[missing-commit]");
	assert_refused("*raw\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "error[wrong-chain]");
}

static void refuses_chains_too_deep(void **state)
{
	(void)state;
	for (int depth = CHAIN_DEPTH_MAX; depth <= CHAIN_DEPTH_MAX + 1; depth++) {
		struct buffer text = {0};
		buffer_puts(&text, "*filter\n");
		for (int i = 0; i <= depth; i++)
			buffer_printf(&text, ":c%d - [0:0]\n", i);
		for (int i = 0; i < depth; i++)
			buffer_printf(&text, "-A c%d -j c%d\n", i, i + 1);
		buffer_puts(&text, "COMMIT\n");
		if (depth > CHAIN_DEPTH_MAX) {
			assert_refused(text.data, "error[too-deep]");
		} else {
			struct ruleset *ruleset = load_good(text.data, ".v4");
			assert_int_equal(chain_of(ruleset, FAMILY_IPV4, TABLE_FILTER, "c0")->depth, depth);
			ruleset_free(ruleset);
		}
		buffer_fini(&text);
	}
}

static void refuses_rules_of_too_many_words_or_addresses(void **state)
{
	(void)state;
	struct buffer words = {0}, addresses = {0};
	buffer_puts(&words, "*filter\n-A INPUT");
	for (int i = 0; i < 300; i++)
		buffer_puts(&words, " -m mac");
	buffer_puts(&words, "\nCOMMIT\n");
	assert_refused(words.data, "error[too-many-words]");
	buffer_puts(&addresses, "*filter\n-A INPUT");
	for (int option = 0; option < 2; option++) {
		buffer_puts(&addresses, option ? " -d 192.0.2.1" : " -s 192.0.2.1");
		for (int i = 0; i < 300; i++)
			buffer_printf(&addresses, ",192.0.2.%d", i % 256);
	}
	buffer_puts(&addresses, "\nCOMMIT\n");
	assert_refused(addresses.data, "error[too-many-rules]");
	buffer_fini(&words);
	buffer_fini(&addresses);
}

static void reads_rules_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(lines, "");
}

/* -I, -D, -F and their kind; the same table twice; counters, comments, blanks. */
static void reads_files_as_iptables_restore_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct diagnostics *sink = diagnostics_new();
		struct ruleset *ruleset = NULL;
		struct buffer printed = {0};
		int result = load(files[i].text, ".v4", sink, &ruleset);
		assert_true(result == 0 || result == -EINVAL);
		if (!result) {
			table_print(&ruleset->tables[FAMILY_IPV4][TABLE_FILTER], COUNTERS_ALL, &printed);
			ruleset_free(ruleset);
		}
		const char *got = result ? "refused\n" : printed.data;
		const char *expected = files[i].printed ? files[i].printed : "refused\n";
		if (strcmp(got, expected) != 0)
			fail_msg("%s\nis:\n%snot:\n%s", files[i].text, got, expected);
		buffer_fini(&printed);
		diagnostics_free(sink);
	}
}

/* What iptables-nft gives to nftables itself, whose limits are others than those of the modules of x_tables;
 * expectations of iptables-nft-save 1.8.9. */
static void takes_what_nftables_takes(void **state)
{
	(void)state;
	static const char rules[] = "*filter\n-A INPUT -j TRACE\n-A INPUT -m limit --limit 1/day -j DROP\n"
				    "-A INPUT -m limit --limit 1/min --limit-burst 0 -j DROP\n"
				    "-A FORWARD -p tcp -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n";
	struct buffer text = {0}, printed = {0};
	buffer_printf(&text, "# Generated by iptables-save v1.8.9 (nf_tables) on Mon Jan  5 2026\n%s", rules);
	struct ruleset *ruleset = load_good(text.data, ".v4");
	table_print(&ruleset->tables[FAMILY_IPV4][TABLE_FILTER], COUNTERS_POLICIES, &printed);
	assert_string_equal(printed.data,
			    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			    "-A INPUT -j TRACE\n-A INPUT -m limit --limit 1/day -j DROP\n"
			    "-A INPUT -m limit --limit 1/min -j DROP\n"
			    "-A FORWARD -p tcp -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n");
	ruleset_free(ruleset);
	buffer_fini(&printed);
	buffer_fini(&text);
	assert_refused(rules, "error[wrong-table]");
}

/* Each has a place of its own in what is printed, that of its first time. */
static void keeps_the_order_of_tables_that_come_twice(void **state)
{
	(void)state;
	struct ruleset *ruleset = load_good("*nat\n:a - [0:0]\nCOMMIT\n*filter\nCOMMIT\n"
					    "*nat\nCOMMIT\n*filter\n:b - [0:0]\nCOMMIT\n",
					    ".v4");
	assert_int_equal(ruleset->tables[FAMILY_IPV4][TABLE_NAT].order, 1);
	assert_int_equal(ruleset->tables[FAMILY_IPV4][TABLE_FILTER].order, 2);
	ruleset_free(ruleset);
}

/* Jumps to chains that are declared further down, which iptables-restore refuses, keep their place while
 * rules before them come and go. */
static void keeps_jumps_while_rules_move(void **state)
{
	(void)state;
	struct ruleset *ruleset =
	    load_good("*filter\n:a - [0:0]\n-A INPUT -s 192.0.2.1\n-A INPUT -j late\n"
		      "-I INPUT -s 192.0.2.2\n-D INPUT -s 192.0.2.1\n-I INPUT 1 -g late\n"
		      "-R INPUT 2 -s 192.0.2.3 -j a\n:late - [0:0]\n-E late later\nCOMMIT\n",
		      ".v4");
	struct buffer printed = {0};
	table_print(&ruleset->tables[FAMILY_IPV4][TABLE_FILTER], COUNTERS_POLICIES, &printed);
	assert_string_equal(printed.data,
			    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			    ":a - [0:0]\n:later - [0:0]\n-A INPUT -g later\n-A INPUT -s 192.0.2.3/32 -j a\n"
			    "-A INPUT -j later\nCOMMIT\n");
	const struct chain *input = chain_of(ruleset, FAMILY_IPV4, TABLE_FILTER, "INPUT");
	for (uint32_t i = 0; i < input->rule_count; i++)
		assert_int_equal(input->rules[i].number, i + 1);
	buffer_fini(&printed);
	ruleset_free(ruleset);
}

/* For iptables-restore a line ends there, and `-j DROP' would be in no kernel. */
static void refuses_nul_bytes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t size;
	} inputs[] = {
#define BYTES(literal) {(literal), sizeof(literal) - 1}
	    BYTES("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment a\0b -j DROP\nCOMMIT\n"),
	    BYTES("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment \"a\0b\" -j DROP\nCOMMIT\n"),
	    BYTES("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment \"\\\0\" -j DROP\nCOMMIT\n"),
	    BYTES("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT \0 -j DROP\nCOMMIT\n"),
	    BYTES("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\0\nCOMMIT\n"),
	    BYTES("*filter\n:INPUT ACCEPT [0:0]\n:user - [0:0] \0\nCOMMIT\n"),
#undef BYTES
	};
	for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++) {
		struct diagnostics *sink = diagnostics_new();
		struct ruleset *ruleset = NULL;
		struct buffer said = {0};
		assert_int_equal(load_bytes(inputs[i].text, inputs[i].size, ".v4", sink, &ruleset), -EINVAL);
		diagnostics_print(sink, &said);
		assert_non_null(strstr(said.data, "error[nul-byte]"));
		buffer_fini(&said);
		diagnostics_free(sink);
	}
}

/* What would take hours: rules put before thousands of others, or all of thousands of chains emptied, again
 * and again. */
static void refuses_files_that_change_themselves_too_often(void **state)
{
	static const char *const commands[] = {"-I INPUT -j DROP", "-F"};

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		struct buffer text = {0};
		buffer_puts(&text, "*filter\n");
		for (int k = 0; k < 12000; k++)
			buffer_printf(&text, "-N c%d\n%s\n", k, commands[i]);
		buffer_puts(&text, "COMMIT\n");
		assert_refused(text.data, "error[too-many-edits]");
		buffer_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prints_as_iptables_save_does),
	    cmocka_unit_test(reads_old_and_odd_spellings),
	    cmocka_unit_test(reads_rules_as_iptables_does),
	    cmocka_unit_test(reads_files_as_iptables_restore_does),
	    cmocka_unit_test(takes_what_nftables_takes),
	    cmocka_unit_test(keeps_the_order_of_tables_that_come_twice),
	    cmocka_unit_test(keeps_jumps_while_rules_move),
	    cmocka_unit_test(refuses_nul_bytes),
	    cmocka_unit_test(refuses_files_that_change_themselves_too_often),
	    cmocka_unit_test(keeps_counters_policies_flavour),
	    cmocka_unit_test(opaque_takes_what_nobody_knows),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(refuses_chains_too_deep),
	    cmocka_unit_test(refuses_rules_of_too_many_words_or_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
