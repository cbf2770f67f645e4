/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether two rulesets are the same filter, and which difference is named first. */
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SETS "create s hash:ip timeout 0\nadd s 192.0.2.0/31\nadd s 192.0.2.9 timeout 5\n"
#define RULES                                                                                                \
	"*filter\n:INPUT DROP [1:2]\n:a - [0:0]\n-A INPUT -m set --match-set s src -j DROP\n"                \
	"-A INPUT -p tcp -m tcp --dport 80 -m comment --comment x -j a\n-A a -s 192.0.2.1/32 -j "            \
	"ACCEPT\nCOMMIT\n"

static void write_file(const char *text, char *path)
{
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct ruleset *load(const char *sets, const char *rules)
{
	char sets_path[] = "/tmp/weir-test-XXXXXX", rules_path[] = "/tmp/weir-test-XXXXXX";
	write_file(sets, sets_path);
	write_file(rules, rules_path);
	const char *paths[] = {rules_path, sets_path}; /* sets are read first whatever the order */
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	assert_int_equal(rules_load(paths, 2, sink, &ruleset), 0);
	diagnostics_free(sink);
	unlink(sets_path);
	unlink(rules_path);
	return ruleset;
}

/* expected NULL: equal. */
static void assert_compared(const char *sets, const char *rules, const char *expected)
{
	struct ruleset *a = load(SETS, RULES), *b = load(sets, rules);
	struct buffer difference = {0};
	bool equal = ruleset_equal(a, b, &difference);
	assert_true(equal == !expected);
	if (expected)
		assert_string_equal(difference.data, expected);
	buffer_fini(&difference);
	ruleset_free(a);
	ruleset_free(b);
}

static void same_filter_written_otherwise(void **state)
{
	(void)state;
	assert_compared(SETS, RULES, NULL);
	/* Order of members, ranges, members that time out; counters, comments, implied matches, empty tables
	 * and chains. */
	assert_compared(
	    "create s hash:ip timeout 0\nadd s 192.0.2.1\nadd s 192.0.2.0\nadd s 192.0.2.77 timeout 9\n",
	    "*raw\n:OUTPUT ACCEPT [5:5]\nCOMMIT\n*filter\n:INPUT DROP [9:9]\n:empty - [0:0]\n:a - [0:0]\n"
	    "[7:7] -A INPUT -m set --match-set s src -j DROP\n-A INPUT -p 6 --dport 80 -j a\n"
	    "-A a -s 192.0.2.1 -j ACCEPT\nCOMMIT\n",
	    NULL);
}

static void differences_in_words(void **state)
{
	(void)state;
	assert_compared(SETS,
			"*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n-A INPUT -m set --match-set s src -j DROP\n"
			"-A INPUT -p tcp -m tcp --dport 81 -j a\n-A a -s 192.0.2.1/32 -j ACCEPT\nCOMMIT\n",
			"rule 2 of INPUT in filter (IPv4) is `-p tcp -m tcp --dport 80 -m comment --comment "
			"x -j a` here and "
			"`-p tcp -m tcp --dport 81 -j a` there");
	assert_compared(SETS,
			"*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n-A INPUT -m set --match-set s src -j DROP\n"
			"-A INPUT -p tcp -m tcp --dport 80 -j a\nCOMMIT\n",
			"rule 1 of a in filter (IPv4) is `-s 192.0.2.1/32 -j ACCEPT` here and missing there");
	assert_compared(
	    SETS,
	    "*filter\n:INPUT ACCEPT [0:0]\n:a - [0:0]\n-A INPUT -m set --match-set s src -j DROP\n"
	    "-A INPUT -p tcp -m tcp --dport 80 -j a\n-A a -s 192.0.2.1/32 -j ACCEPT\nCOMMIT\n",
	    "the policy of INPUT in filter (IPv4) is DROP here and ACCEPT there");
	assert_compared("create s hash:ip timeout 0\nadd s 192.0.2.0/30\n", RULES,
			"set s contains 192.0.2.2 only there");
	assert_compared("create s hash:net timeout 0\nadd s 192.0.2.0/31\n", RULES,
			"set s is of type hash:ip here and hash:net there");
	assert_compared(SETS "create t hash:ip\n", RULES, "set t exists only there");
}

/* -s a,b makes two rules of one text: they must not pass for each other. */
static void one_text_several_rules(void **state)
{
	(void)state;
	struct ruleset *a = load(SETS, "*filter\n-A INPUT -s 192.0.2.1,192.0.2.2 -j DROP\nCOMMIT\n");
	struct ruleset *b =
	    load(SETS, "*filter\n-A INPUT -s 192.0.2.1 -j DROP\n-A INPUT -s 192.0.2.2 -j DROP\nCOMMIT\n");
	struct ruleset *c = load(SETS, "*filter\n-A INPUT -s 192.0.2.2,192.0.2.1 -j DROP\nCOMMIT\n");
	struct buffer difference = {0};
	assert_true(ruleset_equal(a, b, &difference));
	assert_false(ruleset_equal(a, c, &difference));
	buffer_fini(&difference);
	ruleset_free(a);
	ruleset_free(b);
	ruleset_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_filter_written_otherwise),
	    cmocka_unit_test(differences_in_words),
	    cmocka_unit_test(one_text_several_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
