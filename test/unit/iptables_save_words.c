/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading rules written by hand: addresses, numbers, names, options, and the hooks at which they may stand.
 */
#include "iptables_save_words.h"

static void reads_addresses_numbers_and_names_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(value_lines, "");
}

static void finds_options_as_getopt_long_does(void **state)
{
	(void)state;
	ASSERT_LINES(option_lines, "");
}

static void refuses_matches_at_hooks_where_the_kernel_does(void **state)
{
	(void)state;
	ASSERT_LINES(hook_lines, "");
}

static void assert_said(const struct rule_line *line, const char *text)
{
	struct buffer got = {0};

	rule_line_read(line, "", &got);
	if (!strstr(got.data, text))
		fail_msg("%s: %s", line->rule, got.data);
	buffer_fini(&got);
}

/* A name that /etc/hosts has not may be another host tomorrow. */
static void tells_of_names_that_it_does_not_look_up(void **state)
{
	static const struct rule_line names[] = {
	    {FAMILY_IPV4, "filter", "INPUT", "-s gateway.example", NULL},
	    {FAMILY_IPV6, "filter", "INPUT", "-d 192.0.2.1,gateway.example", NULL},
	    {FAMILY_IPV4, "filter", "INPUT", "-m conntrack --ctorigsrc gateway.example", NULL},
	    {FAMILY_IPV4, "filter", "INPUT", "-s localhost.example/24", NULL},
	};
	static const struct rule_line too_long = {
	    FAMILY_IPV4, "filter", "INPUT",
	    "-s "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaa",
	    NULL};

	(void)state;
	ASSERT_LINES(names, "");
	assert_said(&names[0],
		    "error[bad-address]: `gateway.example' is neither an IPv4 address nor a name in "
		    "/etc/hosts");
	assert_said(&names[0], "hint: names are looked up in /etc/hosts alone");
	assert_said(&too_long, "error[bad-address]");
}

/* What is taken from this machine's files is told; what needs no file is not. */
static void warns_of_names_that_it_looks_up(void **state)
{
	static const struct {
		const char *rule;
		bool warned;
	} rules[] = {
	    {"-s localhost", true},          {"-m conntrack --ctorigsrc localhost", true},
	    {"-s 0xc0000201", false},        {"-s 10.1.65535", false},
	    {"-s gateway.example/0", false}, {"-s 10.1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct loaded loaded = load_chain(FAMILY_IPV4, "filter", "INPUT", "", rules[i].rule);
		const char *said = loaded.messages.data ? loaded.messages.data : "";
		assert_non_null(loaded.rule);
		assert_int_equal(strstr(said, "warning[name-looked-up]") != NULL, rules[i].warned);
		loaded_free(&loaded);
	}
}

/* Each look-up reads a file: a dump of names must not read it for hours. */
static void looks_up_so_many_names_only(void **state)
{
	struct buffer rules = {0};

	(void)state;
	for (int i = 0; i < 1100; i++)
		buffer_puts(&rules, "-s localhost\n");
	struct loaded loaded = load_chain(FAMILY_IPV4, "filter", "INPUT", "", rules.data);
	assert_null(loaded.ruleset);
	assert_non_null(strstr(loaded.messages.data, "error[too-many-names]"));
	loaded_free(&loaded);
	buffer_fini(&rules);
}

/* From the hooks by which its chain is reached, wherever the jump stands. */
static void follows_jumps_to_the_hooks_of_a_match(void **state)
{
	static const struct {
		const char *chain, *rules;
		bool taken;
	} cases[] = {
	    {"FORWARD", "-j user\n-A user -m policy --dir out --pol ipsec", true},
	    {"INPUT", "-j user\n-A user -m policy --dir out --pol ipsec", false},
	    {"INPUT", "-g user\n-A user -m addrtype --src-type LOCAL --limit-iface-in", true},
	    {"OUTPUT", "-g user\n-A user -m addrtype --src-type LOCAL --limit-iface-in", false},
	    {"FORWARD", "-j user\n-A user -m physdev --physdev-out eth0", true},
	    {"OUTPUT", "-j user\n-A user -m physdev --physdev-out eth0", false},
	    {"OUTPUT", "-j user\n-A user -m physdev --physdev-is-in", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer text = {0};
		char path[] = "/tmp/weir-words-XXXXXX.v4";
		int fd = mkstemps(path, 3);
		assert_true(fd >= 0);
		close(fd);
		buffer_printf(&text, "*filter\n:user - [0:0]\n-A %s %s\nCOMMIT\n", cases[i].chain,
			      cases[i].rules);
		write_file(path, text.data);
		const char *paths[] = {path};
		struct diagnostics *sink = diagnostics_new();
		struct ruleset *ruleset = NULL;
		struct buffer said = {0};
		int error = rules_load(paths, 1, sink, &ruleset);
		diagnostics_print(sink, &said);
		if ((error == 0) != cases[i].taken || (error && !strstr(said.data, "error[wrong-hook]")))
			fail_msg("%s%s", text.data, said.data ? said.data : "taken");
		if (ruleset)
			ruleset_free(ruleset);
		diagnostics_free(sink);
		buffer_fini(&said);
		buffer_fini(&text);
		unlink(path);
	}
}

/* What takes time with the length of the line times its words, or of the loop times its jumps, takes hours.
 */
static void bounds_what_lines_and_loops_cost(void **state)
{
	struct buffer quotes = {0}, loops = {0}, said = {0};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	char path[] = "/tmp/weir-words-XXXXXX.v4";
	int fd = mkstemps(path, 3);
	const char *paths[] = {path};

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < 100000; i++)
		buffer_puts(&quotes, "\"a\" ");
	const struct rule_line line = {FAMILY_IPV4, "filter", "INPUT", quotes.data,
				       REFUSED("too-many-words")};
	assert_lines(&line, 1, "");
	buffer_puts(&loops, "*filter\n");
	for (int i = 0; i < 50000; i++)
		buffer_printf(&loops, ":c%d - [0:0]\n", i);
	for (int i = 1; i < 50000; i++)
		buffer_printf(&loops, "-A c%d -j c%d\n-A c%d -j c0\n", i - 1, i, i);
	buffer_puts(&loops, "COMMIT\n");
	write_file(path, loops.data);
	assert_int_equal(rules_load(paths, 1, sink, &ruleset), -EINVAL);
	diagnostics_print(sink, &said);
	assert_non_null(strstr(said.data, "error[loop]: this jump closes a loop: c0 -> c1 -> "));
	unlink(path);
	diagnostics_free(sink);
	buffer_fini(&said);
	buffer_fini(&quotes);
	buffer_fini(&loops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_addresses_numbers_and_names_as_iptables_does),
	    cmocka_unit_test(finds_options_as_getopt_long_does),
	    cmocka_unit_test(refuses_matches_at_hooks_where_the_kernel_does),
	    cmocka_unit_test(tells_of_names_that_it_does_not_look_up),
	    cmocka_unit_test(warns_of_names_that_it_looks_up),
	    cmocka_unit_test(looks_up_so_many_names_only),
	    cmocka_unit_test(follows_jumps_to_the_hooks_of_a_match),
	    cmocka_unit_test(bounds_what_lines_and_loops_cost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
