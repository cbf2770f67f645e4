/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A ruleset from the text of one file, for tests whose rules must be taken. */
#ifndef WEIR_TEST_UNIT_LOAD_MEMORY_H
#define WEIR_TEST_UNIT_LOAD_MEMORY_H

#include "base/diagnostic.h"
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline struct ruleset *load_memory(const char *text)
{
	const struct rules_text rules = {"rules", text_of(text)};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	int result = rules_load_texts(&rules, 1, sink, &ruleset);
	struct buffer messages = {0};
	diagnostics_print(sink, &messages);
	if (result)
		print_error("%s", messages.data ? messages.data : "no message\n");
	assert_int_equal(result, 0);
	buffer_fini(&messages);
	diagnostics_free(sink);
	return ruleset;
}

#endif
