/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir optimize --output nft: the text for nft(8), and its proof. The kernel itself says what it took: the
 * text is loaded into a network namespace that nobody else sees, listed from there, read as a ruleset, and
 * compared for all packets with the rules that it says in other words, which have been proven to do what the
 * input does. */
#include "command/command.h"
#include "command/optimize.h"
#include "nftables/nft.h"
#include "read/nft_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail_memory(void)
{
	return command_fail("optimize", EXIT_SYSTEM, "out of memory");
}

static void say(const struct diagnostics *sink)
{
	struct buffer text = {0};

	diagnostics_print(sink, &text);
	if (text.data)
		fputs(text.data, stderr);
	buffer_fini(&text);
}

static int make(const struct ruleset *rules, struct buffer *script)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();

	if (!sink)
		return fail_memory();
	buffer_printf(script, "%s for nft -f\n", rewrite_mark);
	int error = nft_print(rules, script, sink);
	say(sink);
	if (error == -EINVAL)
		return command_fail("optimize", EXIT_UNDECIDED,
				    "nftables cannot do exactly what these rules do: nothing was written");
	return error || script->failed ? fail_memory() : EXIT_DONE;
}

/* What the kernel made of it. */
static int read_back(const struct buffer *script, struct ruleset **read)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	static const struct nft_choice own = {.table = "weir", .as_written = true};
	struct buffer json = {0};

	if (!sink)
		return fail_memory();
	int error = nft_scratch_list((struct text){script->data, script->size}, "rules.nft", sink, &json);
	bool listed = !error;
	if (listed)
		error = rules_load_nft((struct text){json.data, json.size}, "nft -j list ruleset", &own, sink,
				       read);
	buffer_fini(&json);
	if (!error)
		return EXIT_DONE;
	say(sink);
	if (error == -ENOMEM)
		return fail_memory();
	if (listed)
		return command_fail(
		    "optimize", EXIT_UNDECIDED,
		    "what nft lists cannot be read back, so nothing is proven: nothing was written");
	return command_fail(
	    "optimize", EXIT_SYSTEM,
	    "it must be loaded into a network namespace of its own to be proven, and that was refused "
	    "(%s): nothing was written",
	    error == -EINVAL ? "nft does not take it" : strerror(-error));
}

int optimize_nft(const struct ruleset *rules, const struct difference_options *options, struct buffer *script)
{
	struct ruleset *read __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct difference *difference __attribute__((cleanup(difference_cleanup))) = NULL;
	int code = make(rules, script);

	if (code)
		return code;
	command_progress_start("comparing what nftables would do");
	code = read_back(script, &read);
	int error = code ? 0 : difference_compute(rules, read, options, &difference);
	command_progress_stop();
	if (code || error)
		return code ? code : fail_memory();
	return difference->answer == DIFFERENCE_NONE ? EXIT_DONE : optimize_not_proven(difference);
}
