/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A ruleset from texts, for tests whose rules must be taken. */
#ifndef WEIR_TEST_UNIT_LOAD_MEMORY_H
#define WEIR_TEST_UNIT_LOAD_MEMORY_H

#include "base/diagnostic.h"
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* `sets` may be NULL. */
static inline struct ruleset *load_memory_sets(const char *rules, const char *sets)
{
	const struct rules_text texts[] = {{"rules", text_of(rules)}, {"sets", text_of(sets ? sets : "")}};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	int result = rules_load_texts(texts, sets ? 2 : 1, sink, &ruleset);
	struct buffer messages = {0};
	diagnostics_print(sink, &messages);
	if (result)
		print_error("%s\n%s", rules, messages.data ? messages.data : "no message\n");
	assert_int_equal(result, 0);
	buffer_fini(&messages);
	diagnostics_free(sink);
	return ruleset;
}

static inline struct ruleset *load_memory(const char *rules)
{
	return load_memory_sets(rules, NULL);
}

#endif
