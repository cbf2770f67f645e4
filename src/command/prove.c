/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether what the kernel makes of a script is what the rules mean that it was made from: loaded where nobody
 * is, read back from there, and compared for all packets. */
#include "command/prove.h"
#include "command/command.h"
#include "kernel/nft_batch.h"
#include "meaning/difference.h"
#include "read/nft_read.h"

#include <errno.h>
#include <stdio.h>

/* What the kernel took, as a ruleset. */
static int read_back(const char *command, struct text script, struct ruleset **taken)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	static const struct nft_choice own = {.table = NFT_TABLE, .as_written = true};
	struct buffer json = {0}, text = {0};
	int error = sink ? nft_scratch_list(script, "nftables", sink, &json) : -ENOMEM;

	if (!error)
		error = rules_load_nft((struct text){json.data, json.size}, "nftables", &own, sink, taken);
	if (error) {
		diagnostics_print(sink, &text);
		if (text.data)
			fputs(text.data, stderr);
		buffer_fini(&text);
		command_fail(command, EXIT_SYSTEM,
			     "what the kernel took cannot be read back: nothing was changed");
	}
	buffer_fini(&json);
	return error ? EXIT_SYSTEM : EXIT_DONE;
}

int rules_prove(const char *command, const struct ruleset *ruleset, struct text script)
{
	static const struct difference_options all = {.effects = true, .region_limit = 1};
	struct difference *difference __attribute__((cleanup(difference_cleanup))) = NULL;
	struct ruleset *taken __attribute__((cleanup(ruleset_cleanup))) = NULL;
	int code, error;

	command_progress_start("comparing what the kernel took with what the rules mean");
	code = read_back(command, script, &taken);
	error = code ? 0 : difference_compute(ruleset, taken, &all, &difference);
	command_progress_stop();
	if (error)
		return command_fail(command, EXIT_SYSTEM, "%s", strerror(-error));
	if (code || difference->answer == DIFFERENCE_NONE)
		return code;
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		if (chain->answer == difference->answer)
			return command_fail(
			    command, EXIT_UNDECIDED, "%s %s %s: %s (%s): nothing was changed",
			    chain->family == FAMILY_IPV4 ? "IPv4" : "IPv6", table_names[chain->table],
			    hook_names[chain->hook],
			    chain->answer == DIFFERENCE_FOUND
				? "the kernel would do other than the rules say; please report this"
				: "what the kernel took could not be proven equal to the rules",
			    chain->region_count ? chain->regions[0].words
			    : chain->reason     ? chain->reason
						: "");
	}
	return command_fail(command, EXIT_UNDECIDED, "not proven equal to the rules: nothing was changed");
}
