/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/diagnostic.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct arena *arena;
	struct diagnostics *sink;
	struct buffer out;
};

static int set_up(void **context)
{
	static struct fixture fixture;
	fixture = (struct fixture){arena_new(), diagnostics_new(), {0}};
	*context = &fixture;
	return fixture.arena && fixture.sink ? 0 : -1;
}

static int tear_down(void **context)
{
	struct fixture *fixture = *context;
	buffer_fini(&fixture->out);
	diagnostics_free(fixture->sink);
	arena_free(fixture->arena);
	return 0;
}

static struct span span_in(struct fixture *fixture, const char *text, uint32_t begin, uint32_t end)
{
	return (struct span){source_new(fixture->arena, "rules.v4", text, strlen(text)), begin, end};
}

static const char *printed(struct fixture *fixture)
{
	diagnostics_print(fixture->sink, &fixture->out);
	assert_false(fixture->out.failed);
	return fixture->out.data;
}

static void test_place_line_caret_label_hint(void **context)
{
	struct fixture *fixture = *context;
	struct span span = span_in(fixture, "*filter\n-A INPUT --dport 99999 -j DROP\r\nCOMMIT\n", 25, 30);
	struct span table = {span.source, 0, 7};
	struct diagnostic *diagnostic =
	    diagnostic_add(fixture->sink, SEVERITY_ERROR, "bad-port", span, "port %d is too great", 99999);
	diagnostic_label(diagnostic, table, "in this table");
	diagnostic_hint(diagnostic, "ports end at %d", 65535);
	assert_string_equal(printed(fixture), "rules.v4:2:18: error[bad-port]: port 99999 is too great\n"
					      "     2 | -A INPUT --dport 99999 -j DROP\n"
					      "       |                  ^~~~~\n"
					      "rules.v4:1:1: note: in this table\n"
					      "     1 | *filter\n"
					      "       | ^~~~~~~\n"
					      "  hint: ports end at 65535\n");
}

static void test_spans_at_the_edges(void **context)
{
	struct fixture *fixture = *context;
	diagnostic_add(fixture->sink, SEVERITY_WARNING, "end", span_in(fixture, "ab\n", 3, 3), "at the end");
	diagnostic_add(fixture->sink, SEVERITY_NOTE, "far", span_in(fixture, "ab", 900, 1000),
		       "behind the end");
	diagnostic_add(fixture->sink, SEVERITY_NOTE, "two", span_in(fixture, "ab\ncd", 1, 5),
		       "over two lines");
	diagnostic_add(fixture->sink, SEVERITY_ERROR, "none", (struct span){NULL, 5, 6}, "without a place");
	assert_string_equal(printed(fixture), "rules.v4:2:1: warning[end]: at the end\n"
					      "     2 | \n"
					      "       | ^\n"
					      "rules.v4:1:3: note[far]: behind the end\n"
					      "     1 | ab\n"
					      "       |   ^\n"
					      "rules.v4:1:2: note[two]: over two lines\n"
					      "     1 | ab\n"
					      "       |  ^\n"
					      "error[none]: without a place\n");
	assert_int_equal(diagnostics_errors(fixture->sink), 1);
	assert_int_equal(diagnostics_count(fixture->sink), 4);
}

static void test_nothing_reaches_the_terminal_but_text(void **context)
{
	struct fixture *fixture = *context;
	/* escape, DEL, a lone continuation, overlong "/", C1 control, surrogate, a cut sequence; good: é and
	 * 漢 */
	const char *text =
	    "\x1b[31m\x7f \x80 \xc0\xaf \xc2\x9b \xed\xa0\x80 \xc3\xa9 \xe6\xbc\xa2\tX \xe6\xbc";
	uint32_t at = (uint32_t)(strchr(text, 'X') - text);
	diagnostic_add(fixture->sink, SEVERITY_ERROR, "odd", span_in(fixture, text, at, at + 1), "odd %s",
		       "\x1b]0;\a");
	assert_string_equal(printed(fixture), "rules.v4:1:27: error[odd]: odd ?]0;?\n"
					      "     1 | ?[31m? ? ?? ?? ??? \xc3\xa9 \xe6\xbc\xa2\tX ??\n"
					      "       |                       \t^\n");
	struct json_object *array = diagnostics_json(fixture->sink);
	assert_string_equal(
	    json_object_get_string(json_object_object_get(json_object_array_get_idx(array, 0), "message")),
	    "odd ?]0;?");
	json_object_put(array);
}

static void test_long_lines_are_shown_in_part(void **context)
{
	struct fixture *fixture = *context;
	char text[5001];
	memset(text, 'a', 5000);
	text[5000] = '\0';
	memcpy(text + 3000, "HERE", 4);
	diagnostic_add(fixture->sink, SEVERITY_ERROR, "long", span_in(fixture, text, 3000, 4900),
		       "a long line");
	const char *out = printed(fixture);
	assert_true(strlen(out) < 500);
	const char *line = strchr(out, '\n') + 1, *carets = strchr(line, '\n') + 1;
	assert_int_equal(strstr(line, "HERE") - line, strchr(carets, '^') - carets);
	assert_non_null(strstr(line, "a...\n"));
}

static void test_errors_past_the_limit_are_counted(void **context)
{
	struct fixture *fixture = *context;
	for (int i = 0; i < 1000; i++) {
		struct diagnostic *diagnostic =
		    diagnostic_add(fixture->sink, SEVERITY_ERROR, "many", (struct span){0}, "number %d", i);
		assert_int_equal(diagnostic != NULL, i < DIAGNOSTICS_MAX);
		for (int j = 0; j < 100; j++)
			diagnostic_label(diagnostic, (struct span){0}, "label");
		diagnostic_hint(diagnostic, "hint");
	}
	/* Warnings do not crowd out errors, nor the other way. */
	assert_non_null(
	    diagnostic_add(fixture->sink, SEVERITY_WARNING, "one", (struct span){0}, "still there"));
	const char *out = printed(fixture);
	assert_int_equal(diagnostics_errors(fixture->sink), 1000);
	assert_int_equal(diagnostics_count(fixture->sink), 1001);
	assert_non_null(strstr(out, "number 19"));
	assert_null(strstr(out, "number 20"));
	assert_non_null(strstr(out, "still there"));
	assert_non_null(strstr(out, "\n980 more errors not shown\n"));
	struct json_object *array = diagnostics_json(fixture->sink);
	assert_int_equal(json_object_array_length(array), DIAGNOSTICS_MAX + 1);
	json_object_put(array);
}

static void test_long_messages_are_cut(void **context)
{
	struct fixture *fixture = *context;
	diagnostic_add(fixture->sink, SEVERITY_ERROR, "long", (struct span){0}, "%5000d|", 1);
	assert_true(strlen(printed(fixture)) < 600);
}

static void test_json(void **context)
{
	struct fixture *fixture = *context;
	struct span span = span_in(fixture, "-A INPUT -p tpc\n", 12, 15);
	struct diagnostic *diagnostic =
	    diagnostic_add(fixture->sink, SEVERITY_ERROR, "unknown-protocol", span, "no protocol \"tpc\"");
	diagnostic_hint(diagnostic, "tcp?");
	diagnostic_label(diagnostic, (struct span){span.source, 0, 2}, "this rule");
	diagnostic_add(fixture->sink, SEVERITY_WARNING, "empty", (struct span){0}, "nothing here");
	struct json_object *array = diagnostics_json(fixture->sink);
	assert_string_equal(
	    json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN),
	    "[{\"severity\":\"error\",\"code\":\"unknown-protocol\",\"message\":\"no protocol \\\"tpc\\\"\","
	    "\"file\":\"rules.v4\",\"line\":1,\"column\":13,\"end_column\":16,\"hint\":\"tcp?\",\"related\":["
	    "{\"message\":\"this rule\",\"file\":\"rules.v4\",\"line\":1,\"column\":1,\"end_column\":3}]},"
	    "{\"severity\":\"warning\",\"code\":\"empty\",\"message\":\"nothing here\",\"related\":[]}]");
	json_object_put(array);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_place_line_caret_label_hint),
	    TEST(test_spans_at_the_edges),
	    TEST(test_nothing_reaches_the_terminal_but_text),
	    TEST(test_long_lines_are_shown_in_part),
	    TEST(test_errors_past_the_limit_are_counted),
	    TEST(test_long_messages_are_cut),
	    TEST(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
