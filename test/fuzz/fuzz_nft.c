// SPDX-License-Identifier: GPL-2.0-or-later
/* What `nft -j list ruleset` prints: reads or refuses; of what it reads it makes texts that are read, too, or
 * refused with a message. */
#include "fuzz.h"
#include "read/load.h"
#include "read/nft_read.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diagnostics *sink = diagnostics_new();
	struct nft_texts texts;
	struct ruleset *ruleset = NULL;

	if (!sink)
		abort();
	struct text json = {(const char *)data, size};
	int error = nft_read_json(json, "input", NULL, sink, &texts);
	if (error && error != -ENOMEM && !diagnostics_errors(sink))
		abort();
	nft_texts_fini(&texts);
	if (!error && rules_load_nft(json, "input", NULL, sink, &ruleset) == 0)
		ruleset_free(ruleset);
	fuzz_wrong(sink);
	diagnostics_free(sink);
	return 0;
}
