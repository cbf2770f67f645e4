// SPDX-License-Identifier: GPL-2.0-or-later
/* ipset save text: reads or refuses. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = ruleset_new();
	struct buffer text = {0};

	if (!sink || !ruleset)
		abort();
	ipset_save_read(ruleset, sink, source_new(ruleset->arena, "sets", (const char *)data, size));
	diagnostics_print(sink, &text);
	buffer_fini(&text);
	diagnostics_free(sink);
	ruleset_free(ruleset);
	return 0;
}
