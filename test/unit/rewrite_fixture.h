/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that are rewritten, read back and proven; for the tests rewrite*.c. */
#ifndef WEIR_TEST_UNIT_REWRITE_FIXTURE_H
#define WEIR_TEST_UNIT_REWRITE_FIXTURE_H

#include "read/load.h"
#include "rewrite/rewrite.h"

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

static inline int forget(void **state)
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

static inline struct ruleset *load(const char *const *texts, size_t count)
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
static inline void rewrite_texts(const char *const *texts, size_t count)
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

static inline void filter(const char *text)
{
	const char *texts[] = {text};
	rewrite_texts(texts, 1);
}

/* The rules of the output, in order, one a line. */
static inline void expect(const char *lines)
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

static inline void assert_has(const struct buffer *text, const char *line)
{
	if (!text->data || !strstr(text->data, line))
		fail_msg("no \"%s\" in\n%s", line, text->data ? text->data : "");
}

static inline struct rewrite_place place_of(enum table_id table, const char *chain, uint32_t number)
{
	const struct chain *found = table_find_chain(&before->tables[FAMILY_IPV4][table], text_of(chain));
	assert_non_null(found);
	return rewrite_place(rewrite, &found->rules[number - 1]);
}

/* "-A INPUT -s 192.0.2.N/32 END" for N from `first`, `count` times. */
static inline void add_bans(struct buffer *out, unsigned first, unsigned count, const char *end)
{
	for (unsigned i = 0; i < count; i++)
		buffer_printf(out, "-A INPUT -s 192.0.2.%u/32 %s\n", first + i, end);
}

static inline void filter_built(struct buffer *body)
{
	struct buffer text = {0};

	buffer_puts(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	buffer_add(&text, body->data, body->size);
	buffer_puts(&text, "COMMIT\n");
	filter(text.data);
	buffer_fini(&text);
	buffer_fini(body);
}

#endif
