/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings as a whole: what each kind must tell of itself, how they are ordered, counted and bounded. What
 * each finds is in golden/check. */
#include "check/check.h"
#include "read/load.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct ruleset *rules;
	struct diagnostics *sink;
	struct check_result result;
	struct json_object *findings;
};

static void examine(struct fixture *fixture, const char *text)
{
	char path[] = "/tmp/weir-check-XXXXXX.v4";
	const char *paths[] = {path};
	const struct check_options options = {0};
	int fd = mkstemps(path, 3);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	fixture->sink = diagnostics_new();
	assert_non_null(fixture->sink);
	assert_int_equal(rules_load(paths, 1, fixture->sink, &fixture->rules), 0);
	unlink(path);
	assert_int_equal(check_run(fixture->rules, &options, fixture->sink, &fixture->result), 0);
	fixture->findings = diagnostics_json(fixture->sink);
}

static int forget(void **state)
{
	struct fixture *fixture = *state;
	json_object_put(fixture->findings);
	diagnostics_free(fixture->sink);
	ruleset_free(fixture->rules);
	*fixture = (struct fixture){0};
	return 0;
}

static const char *member(const struct fixture *fixture, size_t index, const char *name)
{
	struct json_object *value;
	if (!json_object_object_get_ex(json_object_array_get_idx(fixture->findings, index), name, &value))
		return NULL;
	return json_object_get_string(value);
}

static size_t count_code(const struct fixture *fixture, const char *code)
{
	size_t count = 0;
	for (size_t i = 0; i < json_object_array_length(fixture->findings); i++)
		count += strcmp(member(fixture, i, "code"), code) == 0;
	return count;
}

static bool is_sentence(const char *text)
{
	size_t size = strlen(text);
	return size > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[size - 1] == '.';
}

static void each_kind_explains_itself(void **state)
{
	(void)state;
	assert_true(finding_type_count >= 34);
	for (size_t i = 0; i < finding_type_count; i++) {
		const struct finding_type *type = finding_types[i];
		assert_int_equal(strspn(type->code, "abcdefghijklmnopqrstuvwxyz-"), strlen(type->code));
		assert_ptr_equal(finding_type_find(type->code), type); /* no other has its code */
		assert_true(type->title[0] && type->title[strlen(type->title) - 1] != '.');
		assert_true(is_sentence(type->why));
		assert_true(is_sentence(type->action));
		/* A diagnostic cuts off what is longer. */
		assert_true(strlen(type->why) <= 512 && strlen(type->action) <= 512);
		assert_non_null(type->run);
	}
	assert_null(finding_type_find("no-such-code"));
}

static void an_empty_ruleset_has_no_findings(void **state)
{
	struct fixture *fixture = *state;
	examine(fixture,
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n");
	assert_int_equal(json_object_array_length(fixture->findings), 0);
	assert_int_equal(fixture->result.hidden, 0);
}

static void findings_come_in_the_order_of_the_input(void **state)
{
	struct fixture *fixture = *state;
	struct buffer text = {0};
	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (int i = 1; i <= 8; i++)
		buffer_printf(&text, "-A INPUT -s 192.0.2.%d/32 -j DROP\n", i);
	buffer_puts(&text, "-A INPUT -m conntrack --ctstate INVALID -j DROP\n");
	for (int i = 1; i <= 8; i++)
		buffer_printf(&text, "-A FORWARD -s 198.51.100.%d/32 -j DROP\n", i);
	buffer_puts(&text, "COMMIT\n");
	examine(fixture, text.data);
	buffer_fini(&text);
	assert_int_equal(json_object_array_length(fixture->findings), 3);
	assert_string_equal(member(fixture, 0, "code"), "list-as-set");
	assert_string_equal(member(fixture, 0, "line"), "5");
	assert_non_null(member(fixture, 0, "reason"));
	assert_string_equal(member(fixture, 1, "code"), "invalid-dropped");
	assert_string_equal(member(fixture, 2, "code"), "list-as-set");
	assert_null(member(fixture, 2, "reason")); /* told with the first of its kind */
	assert_int_equal(fixture->result.found[SEVERITY_WARNING], 2);
	assert_int_equal(fixture->result.found[SEVERITY_NOTE], 1);
}

/* Who has thousands of one kind is shown some, and told how many. */
static void many_of_a_kind_are_counted_and_not_all_kept(void **state)
{
	struct fixture *fixture = *state;
	struct buffer text = {0};
	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (int i = 0; i < 150; i++)
		buffer_printf(
		    &text,
		    "-A INPUT -p tcp -m conntrack --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED "
		    "-m tcp --sport %d --dport 80:%d -j DROP\n",
		    i + 1, i + 100);
	buffer_puts(&text, "COMMIT\n");
	examine(fixture, text.data);
	buffer_fini(&text);
	assert_int_equal(count_code(fixture, "state-matches-all"), 100);
	assert_int_equal(fixture->result.hidden, 50);
}

/* A walk-on list of names that would break a terminal: nothing of them gets through. */
static void the_input_does_not_reach_the_terminal(void **state)
{
	struct fixture *fixture = *state;
	struct buffer text = {0};
	examine(
	    fixture,
	    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:a\033[31mb - [0:0]\n"
	    "-A a\033[31mb -j DROP\nCOMMIT\n");
	assert_int_equal(count_code(fixture, "chain-unused"), 1);
	diagnostics_print(fixture->sink, &text);
	assert_null(strchr(text.data, '\033'));
	buffer_fini(&text);
}

int main(void)
{
	static struct fixture fixture;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind_explains_itself),
	    cmocka_unit_test_prestate_setup_teardown(an_empty_ruleset_has_no_findings, NULL, forget,
						     &fixture),
	    cmocka_unit_test_prestate_setup_teardown(findings_come_in_the_order_of_the_input, NULL, forget,
						     &fixture),
	    cmocka_unit_test_prestate_setup_teardown(many_of_a_kind_are_counted_and_not_all_kept, NULL,
						     forget, &fixture),
	    cmocka_unit_test_prestate_setup_teardown(the_input_does_not_reach_the_terminal, NULL, forget,
						     &fixture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
