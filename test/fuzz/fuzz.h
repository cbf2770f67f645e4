/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the fuzz targets share: input that has been read without an error is printed, read again, and must
 * then print the same. */
#ifndef WEIR_TEST_FUZZ_FUZZ_H
#define WEIR_TEST_FUZZ_FUZZ_H

#include "base/diagnostic.h"
#include "read/reader.h"
#include "ruleset/ruleset.h"

#include <json-c/json_object.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether something is wrong with the input; what is must be printable, as text and as JSON. */
static inline bool fuzz_wrong(const struct diagnostics *sink)
{
	struct buffer text = {0};

	diagnostics_print(sink, &text);
	buffer_fini(&text);
	json_object_put(diagnostics_json(sink));
	return diagnostics_errors(sink) != 0;
}

/* Rules behind the first line "---", sets before it; without one it is all rules. NULL when something is
 * wrong with them. */
static inline struct ruleset *fuzz_read(const char *data, size_t size, enum family family)
{
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = ruleset_new();
	const char *cut = size ? memmem(data, size, "---\n", 4) : NULL;

	if (!sink || !ruleset)
		abort();
	if (cut)
		ipset_save_read(ruleset, sink,
				source_new(ruleset->arena, "sets", data, (size_t)(cut - data)));
	size_t begin = cut ? (size_t)(cut - data) + 4 : 0;
	iptables_save_read(ruleset, sink, source_new(ruleset->arena, "rules", data + begin, size - begin),
			   family);
	bool wrong = fuzz_wrong(sink);
	diagnostics_free(sink);
	if (!wrong)
		return ruleset;
	ruleset_free(ruleset);
	return NULL;
}

static inline void fuzz_print(const struct ruleset *ruleset, enum family family, struct buffer *out)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (ruleset->tables[family][i].present)
			table_print(&ruleset->tables[family][i], true, out);
	if (out->failed)
		abort();
}

__attribute__((noreturn)) static inline void fuzz_complain(const char *what, const struct buffer *a,
							   const struct buffer *b)
{
	fprintf(stderr, "%s\n--- first\n%s\n--- second\n%s\n", what, a->data ? a->data : "",
		b && b->data ? b->data : "");
	abort();
}

#endif
