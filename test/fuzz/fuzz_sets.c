// SPDX-License-Identifier: GPL-2.0-or-later
/* ipset save text and scripts for ipset restore: reads or refuses; what it reads it prints as ipset save
 * does, and reads and prints the same again. */
#include "fuzz.h"

/* NULL when something is wrong with it. */
static struct ruleset *read_sets(const char *data, size_t size)
{
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = ruleset_new();

	if (!sink || !ruleset ||
	    ipset_save_read(ruleset, sink, source_new(ruleset->arena, "sets", data, size)) < 0)
		abort();
	bool wrong = fuzz_wrong(sink);
	diagnostics_free(sink);
	if (!wrong)
		return ruleset;
	ruleset_free(ruleset);
	return NULL;
}

static void print_sets(const struct ruleset *ruleset, struct buffer *out)
{
	ruleset_print_sets(ruleset, out);
	if (out->failed)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset *first = read_sets((const char *)data, size);
	struct buffer once = {0}, twice = {0};

	if (!first)
		return 0;
	print_sets(first, &once);
	struct ruleset *second = read_sets(once.data ? once.data : "", once.size);
	if (!second)
		fuzz_complain("what was printed cannot be read", &once, NULL);
	print_sets(second, &twice);
	if (once.size != twice.size || (once.size && memcmp(once.data, twice.data, once.size) != 0))
		fuzz_complain("what was read again prints otherwise", &once, &twice);
	buffer_fini(&once);
	buffer_fini(&twice);
	ruleset_free(first);
	ruleset_free(second);
	return 0;
}
