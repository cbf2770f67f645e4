/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What nft(8) lists in this network namespace. */
#include "read/nft_read.h"
#include "read/program.h"

#include <errno.h>
#include <string.h>

#define WORDS_MAX 16
#define LIST_SIZE_MAX (1u << 30)

int nft_live_list(const char *const *words, bool terse, struct diagnostics *sink, struct buffer *json)
{
	const char *arguments[WORDS_MAX] = {"nft", "-j", "-n"};
	struct program_result result;
	size_t count = 3;

	if (terse)
		arguments[count++] = "-t";
	arguments[count++] = "list";
	for (; *words; words++) {
		if (count == WORDS_MAX - 1)
			return -E2BIG;
		arguments[count++] = *words;
	}
	int error = program_run(arguments, LIST_SIZE_MAX, &result);
	if (error == 0 && result.status == 0) {
		*json = result.output;
		result.output = (struct buffer){0};
	} else if (error == 0) {
		const char *said = result.errors.data ? result.errors.data : "";
		diagnostic_add(sink, SEVERITY_ERROR, "program-failed", (struct span){0},
			       "nft list ended with status %d: %.*s", result.status, (int)strcspn(said, "\n"),
			       said);
		error = -EIO;
	} else if (error != -ENOENT) {
		diagnostic_add(sink, SEVERITY_ERROR, "program-failed", (struct span){0}, "nft list: %s",
			       strerror(-error));
	}
	program_result_fini(&result);
	return error;
}
