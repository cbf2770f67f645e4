/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir attach: rules to region to tables to XDP. Everything is computed, proven and tried before the one call
 * that switches; whatever stands against it is said in words and nothing is changed. */
#include "command/applied.h"
#include "command/attaching.h"
#include "command/command.h"
#include "command/early_private.h"
#include "command/early_state.h"
#include "command/reason.h"
#include "kernel/nft_fingerprint.h"
#include "kernel/state_overlay.h"
#include "read/load.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "Usage: weir attach IFACE RULES... [options]\n"
    "       weir attach IFACE --live [options]\n"
    "\n"
    "Drops in XDP, on arrival at IFACE, what the rules drop whatever the unknowns are. The kernel's rules "
    "are not\n"
    "touched. Where weir is attached already the program is swapped in one step, and the counters of rules "
    "that are\n"
    "in both stay.\n"
    "\n"
    "RULES: files of iptables-save, ip6tables-save or ipset save, or a directory like /etc/iptables. They "
    "must equal\n"
    "the rules that are live; or a policy or files that weir apply has put in force.\n"
    "\n"
    "  --live                  the rules and sets of iptables and ipset in this network namespace\n"
    "  --trust-files           do not compare the files with the live rules\n"
    "  --mode MODE             native, generic, or auto (default): native, else generic\n"
    "  --vouch LIST            answer for these in place of weir's check: hooks, tc, upper, vlan (with "
    "commas)\n"
    "  --dry-run               everything but the attaching\n" STATE_OPTION_HELP
    "  --verbose               what is not dropped early and why, and the verifier's log when it refuses\n"
    "  --json                  as JSON\n" REGION_OPTIONS_HELP_WITHOUT_INTERFACE "  --help\n"
    "\n"
    "To take weir away: weir detach IFACE, or without weir: ip link set dev IFACE xdp off\n"
    "iptables -F alone does not.\n";

enum {
	OPTION_LIVE = OPTION_OWN,
	OPTION_TRUST,
	OPTION_MODE,
	OPTION_VOUCH,
	OPTION_DRY_RUN,
	OPTION_VERBOSE,
	OPTION_JSON,
	OPTION_STATE,
	OPTION_HELP
};

#define LOCK_WAIT 10 /* s */

static const struct option long_options[] = {
    {"live", no_argument, NULL, OPTION_LIVE},
    {"trust-files", no_argument, NULL, OPTION_TRUST},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"vouch", required_argument, NULL, OPTION_VOUCH},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"state", required_argument, NULL, OPTION_STATE},
    {"help", no_argument, NULL, OPTION_HELP},
    REGION_OPTIONS_WITHOUT_INTERFACE,
    {NULL, 0, NULL, 0},
};

struct attach {
	const char *interface;
	const char *const *paths;
	size_t path_count;
	bool live, trust, dry_run, verbose, json;
	enum attach_mode mode;
	unsigned vouched;
	struct region_arguments arguments;

	const char *directory;
	struct state_store store; /* locked while weir's own tables are what is dropped by */
	struct arena *arena;
	struct ruleset *ruleset;
	struct attaching attaching;
};

static int fail_system(const struct attach *attach, int error, const char *doing)
{
	return command_fail("attach", EXIT_SYSTEM, "%s: %s: %s", attach->interface, doing, strerror(-error));
}

static int take_vouch(unsigned *vouched, const char *list)
{
	for (const char *at = list;; at++) {
		size_t size = strcspn(at, ",");
		unsigned bit = 0;

		for (unsigned i = 0; i < VOUCH_COUNT; i++)
			if (text_is((struct text){at, size}, vouch_names[i]))
				bit = 1u << i;
		if (!bit)
			return -EINVAL;
		*vouched |= bit;
		at += size;
		if (!*at)
			return 0;
	}
}

static int take_mode(enum attach_mode *mode, const char *name)
{
	static const char *const names[] = {
	    [ATTACH_AUTO] = "auto", [ATTACH_NATIVE] = "native", [ATTACH_GENERIC] = "generic"};

	for (enum attach_mode i = ATTACH_AUTO; i <= ATTACH_GENERIC; i++) {
		if (!strcmp(name, names[i])) {
			*mode = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_option(struct attach *attach, int option)
{
	int taken = region_arguments_take(&attach->arguments, "attach", option, optarg);

	if (taken)
		return taken < 0 ? (taken == -ENOMEM ? EXIT_SYSTEM : EXIT_USAGE) : EXIT_DONE;
	switch (option) {
	case OPTION_LIVE:
		attach->live = true;
		return EXIT_DONE;
	case OPTION_TRUST:
		attach->trust = true;
		return EXIT_DONE;
	case OPTION_DRY_RUN:
		attach->dry_run = true;
		return EXIT_DONE;
	case OPTION_VERBOSE:
		attach->verbose = true;
		return EXIT_DONE;
	case OPTION_JSON:
		attach->json = true;
		return EXIT_DONE;
	case OPTION_STATE:
		attach->directory = optarg;
		return EXIT_DONE;
	case OPTION_MODE:
		if (take_mode(&attach->mode, optarg))
			return command_fail("attach", EXIT_USAGE,
					    "--mode %s: expected native, generic or auto", optarg);
		return EXIT_DONE;
	case OPTION_VOUCH:
		if (take_vouch(&attach->vouched, optarg))
			return command_fail("attach", EXIT_USAGE,
					    "--vouch %s: expected hooks, tc, upper or vlan, with commas",
					    optarg);
		return EXIT_DONE;
	}
	return EXIT_USAGE; /* getopt_long() has said what is wrong */
}

/* -1: go on. */
static int take_arguments(struct attach *attach, int argc, char **argv)
{
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPTION_HELP) {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		code = take_option(attach, option);
		if (code)
			return code;
	}
	if (optind >= argc)
		return command_fail("attach", EXIT_USAGE, "no interface given: weir attach IFACE RULES...");
	attach->interface = argv[optind++];
	attach->paths = (const char *const *)(argv + optind);
	attach->path_count = (size_t)(argc - optind);
	if (attach->live && attach->path_count)
		return command_fail("attach", EXIT_USAGE, "either files or --live");
	if (!attach->live && !attach->path_count)
		return command_fail("attach", EXIT_USAGE,
				    "no rules given: name files, a directory, or --live");
	return -1;
}

/* What there is to say, and what it means when it went wrong. */
static int tell(struct attach *attach, int code)
{
	struct buffer *why = &attach->attaching.why;

	for (const char *line = why->data ? why->data : ""; *line;) {
		size_t size = strcspn(line, "\n");
		if (*line == ' ')
			fprintf(stderr, "%.*s\n", (int)size, line);
		else
			command_fail("attach", code, "%.*s", (int)size, line);
		line += size + (line[size] == '\n');
	}
	why->size = 0;
	return code;
}

static int tell_unchanged(struct attach *attach, int code)
{
	tell(attach, code);
	return code ? command_fail("attach", code, "%s: nothing was changed", attach->interface) : EXIT_DONE;
}

/* Whether the rules are those that weir apply put in force, and these are what weir's tables in the kernel
 * are: nothing of iptables is to be compared then. The store stays locked. */
static int compare_applied(struct attach *attach, bool *applied)
{
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct ruleset *rules __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct state_pending pending = {0};
	struct buffer why = {0}, text = {0};
	uint32_t number = 0;
	int error = state_store_open(attach->directory, false, &attach->store, &why);

	*applied = false;
	if (error && !attach->directory) { /* nothing was ever applied here */
		buffer_fini(&why);
		return EXIT_DONE;
	}
	if (!error)
		error = state_store_lock(&attach->store, "attach", LOCK_WAIT, &why);
	if (!error)
		error = state_pending(&attach->store, &pending, &why);
	if (!error && pending.kind && !state_pending_of_old(&pending)) {
		buffer_fini(&why);
		return command_fail("attach", EXIT_SYSTEM,
				    "%s: a trial is running, or a change was cut off: weir confirm or weir "
				    "rollback first",
				    attach->interface);
	}
	if (!error)
		error = state_current(&attach->store, &number, &why);
	if (!error && number)
		error = nft_image_read(&live, &why);
	if (!error && number) {
		attach->attaching.fingerprint = nft_fingerprint(live);
		error = state_overlay_lift(&attach->store, number, &live);
	}
	if (!error && number)
		error = early_state_rules(&attach->store, attach->arena, number, live, &rules, &why);
	if (!error && number && !attach->live && ruleset_equal(attach->ruleset, rules, &text)) {
		*applied = true;
		attach->attaching.has_fingerprint = attach->attaching.by_hand = true;
		attach->attaching.rules = META_APPLIED;
		if (early_counts(attach->ruleset)) /* as weir apply does */
			attach->arguments.allowed |= EFFECT_COUNTER;
	}
	if (error == -ESTALE) { /* to be compared with what is live otherwise */
		command_fail("attach", EXIT_DONE, "%s", why.data);
		error = 0;
	}
	int code = error ? applied_fail("attach", error, &why) : EXIT_DONE;
	buffer_fini(&why);
	buffer_fini(&text);
	return code;
}

/* --trust-files does without the comparison, but what is live is remembered all the same: status tells when
 * it changes. */
static int compare_live(struct attach *attach)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *live __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct attaching *attaching = &attach->attaching;
	struct buffer text = {0};
	int error, code = EXIT_DONE;

	if (!sink)
		return fail_system(attach, -ENOMEM, "reading the live rules");
	if (attach->live) {
		attaching->has_fingerprint = !meta_fingerprint(attach->ruleset, &attaching->fingerprint);
		return attaching->has_fingerprint ? EXIT_DONE
						  : fail_system(attach, -ENOMEM, "reading the live rules");
	}
	error = rules_load_live(sink, &live);
	if (error) {
		if (attach->trust)
			return EXIT_DONE;
		diagnostics_print(sink, &text);
		fputs(text.data ? text.data : "", stderr);
		buffer_fini(&text);
		return command_fail("attach", EXIT_SYSTEM,
				    "%s: cannot read the live rules to compare the files with (%s); "
				    "--trust-files does without",
				    attach->interface, strerror(-error));
	}
	attaching->has_fingerprint = !meta_fingerprint(live, &attaching->fingerprint);
	if (!attach->trust && !ruleset_equal(attach->ruleset, live, &text)) {
		code = command_fail("attach", EXIT_SYSTEM, "%s: the files differ from the live rules: %s",
				    attach->interface, text.data ? text.data : "");
		fputs("  hint: load them first, or attach with --live; --trust-files if you know better\n",
		      stderr);
	}
	buffer_fini(&text);
	return code;
}

static int compare(struct attach *attach)
{
	bool applied = false;
	int code = compare_applied(attach, &applied);

	return code || applied ? code : compare_live(attach);
}

static void print_left_out(const struct attach *attach)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct region *region = attach->attaching.used[family];

		for (size_t i = 0; region && i < region->covered_count; i++) {
			const struct covered *covered = &region->covered[i];
			const struct unit *unit = &region->units[covered->unit];
			struct buffer text = {0};

			if (covered->coverage != COVERAGE_SOME && covered->coverage != COVERAGE_NONE)
				continue;
			if (unit->kind == UNIT_POLICY)
				buffer_puts(&text, "the policy");
			else
				rule_print(unit->rule, true, &text);
			printf("  %s: %s ", covered->coverage == COVERAGE_SOME ? "in part" : "not early",
			       table_names[unit->chain->table->id]);
			clean_put(unit->chain->name);
			printf(": ");
			clean_put((struct text){text.data, text.size});
			printf(": ");
			clean_put(text_of(covered->reason ? covered->reason : ""));
			printf("\n");
			buffer_fini(&text);
		}
	}
}

static int print_text(const struct attach *attach)
{
	struct attaching_totals totals = attaching_count(&attach->attaching);
	const char *note = attaching_note(&attach->attaching);

	if (attach->dry_run)
		printf("%s: would attach\n", attach->interface);
	else
		printf("%s: %s in %s mode\n", attach->interface,
		       attach->attaching.result.swapped ? "swapped" : "attached",
		       attach->attaching.result.generic ? "generic" : "native");
	printf("  %zu of %zu rules and policies that drop are dropped early", totals.all + totals.some,
	       totals.rules);
	if (totals.some)
		printf(", %zu of them in part", totals.some);
	if (totals.limited)
		printf(", %zu above a rate", totals.limited);
	printf("\n");
	if (totals.none && !attach->verbose)
		printf("  %zu are left to the kernel; --verbose or weir compile say why\n", totals.none);
	if (attach->verbose)
		print_left_out(attach);
	printf("  tables of %zu bytes, computed in %.0f ms, proven in %.0f ms\n",
	       attach->attaching.plane->size, (double)attach->attaching.compile_ns / 1e6,
	       (double)attach->attaching.proof_ns / 1e6);
	if (note && !attach->dry_run)
		printf("  note: %s\n", note);
	if (attach->attaching.result.counters_lost)
		printf("  note: the program before was of another version of weir: its counters are lost\n");
	if (attach->attaching.host.packet_listeners)
		printf("  note: %u packet socket%s (tcpdump and its kind) no longer see%s what is dropped "
		       "early\n",
		       attach->attaching.host.packet_listeners,
		       attach->attaching.host.packet_listeners == 1 ? "" : "s",
		       attach->attaching.host.packet_listeners == 1 ? "s" : "");
	if (!attach->attaching.host.hooks.listed)
		printf("  note: this kernel does not list netfilter hooks; nft chains, flowtables and BPF "
		       "programs were looked "
		       "at, hooks of other modules cannot be\n");
	if (!attach->attaching.host.link.elsewhere_seen)
		printf("  note: not every network namespace could be looked into for devices on top of %s\n",
		       attach->interface);
	if (!totals.all && !totals.some)
		printf("  note: nothing in these rules can be dropped early\n");
	printf(
	    "  to take it away: weir detach %s, or ip link set dev %s xdp off (iptables -F alone does not)\n",
	    attach->interface, attach->interface);
	return EXIT_DONE;
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static int print_json(const struct attach *attach)
{
	struct json_object *object = json_object_new_object();
	struct attaching_totals totals = attaching_count(&attach->attaching);
	const char *note = attaching_note(&attach->attaching);

	json_object_object_add(object, "interface", json_object_new_string(attach->interface));
	json_object_object_add(object, "attached", json_object_new_boolean(!attach->dry_run));
	if (!attach->dry_run) {
		json_object_object_add(
		    object, "mode",
		    json_object_new_string(attach->attaching.result.generic ? "generic" : "native"));
		json_object_object_add(object, "swapped",
				       json_object_new_boolean(attach->attaching.result.swapped));
		json_object_object_add(object, "counters_lost",
				       json_object_new_boolean(attach->attaching.result.counters_lost));
		if (note)
			json_object_object_add(object, "note", json_object_new_string(note));
	}
	add_number(object, "dropping", totals.rules);
	add_number(object, "early", totals.all);
	add_number(object, "early_in_part", totals.some);
	add_number(object, "limited", totals.limited);
	add_number(object, "not_early", totals.none);
	add_number(object, "unreached", totals.unreached);
	add_number(object, "table_bytes", attach->attaching.plane->size);
	add_number(object, "compile_ns", attach->attaching.compile_ns);
	add_number(object, "proof_ns", attach->attaching.proof_ns);
	add_number(object, "packet_listeners", attach->attaching.host.packet_listeners);
	json_object_object_add(object, "hooks_listed",
			       json_object_new_boolean(attach->attaching.host.hooks.listed));
	return command_print_json(object);
}

/* Facts and rules were read before the tables were made, and may have changed until they were attached. */
static int look_again(struct attach *attach)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct nft_image *image __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct ruleset *live __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct attaching *attaching = &attach->attaching;
	struct buffer why = {0};
	uint64_t fingerprint = 0;
	int error = sink ? 0 : -ENOMEM;

	if (!error && attaching->rules == META_APPLIED) {
		error = nft_image_read(&image, &why);
		if (!error)
			fingerprint = nft_fingerprint(image);
	} else if (!error && attaching->has_fingerprint) {
		error = rules_load_live(sink, &live);
		if (!error)
			error = meta_fingerprint(live, &fingerprint);
	}
	if (error) /* what cannot be read is not what it was */
		fingerprint = ~attaching->fingerprint;
	buffer_fini(&why);
	return tell(attach,
		    attaching_look_again(attaching, attaching->has_fingerprint ? &fingerprint : NULL));
}

static int run(struct attach *attach)
{
	struct attaching *attaching = &attach->attaching;
	struct buffer sources = {0};
	int code = tell_unchanged(attach, attaching_examine(attaching));

	if (!code)
		code = attach->live
			   ? command_load_iptables(&attach->ruleset)
			   : command_load(attach->paths, attach->path_count, false, &attach->ruleset);
	if (!code)
		code = compare(attach);
	if (code)
		return code;
	if (attach->live)
		buffer_puts(&sources, "--live");
	for (size_t i = 0; i < attach->path_count; i++)
		buffer_printf(&sources, "%s%s", i ? " " : "", attach->paths[i]);
	attaching->ruleset = attach->ruleset;
	attaching->sources = sources.data;
	attaching->host.applied = attaching->rules != META_LIVE;
	code = attaching_compute(attaching);
	if (code)
		code = tell_unchanged(attach, code);
	else
		code = tell_unchanged(attach, attaching_load(attaching));
	buffer_fini(&sources);
	if (!code && !attach->dry_run)
		code = tell(attach, attaching_switch(attaching));
	if (!code && !attach->dry_run)
		code = look_again(attach);
	if (code)
		return code;
	return attach->json ? print_json(attach) : print_text(attach);
}

static int attach_main(int argc, char **argv)
{
	struct attach attach = {.store = STATE_STORE_NONE};
	struct attaching *attaching = &attach.attaching;
	int code;

	region_arguments_init(&attach.arguments);
	code = take_arguments(&attach, argc, argv);
	if (code < 0) {
		attach.arena = arena_new();
		attaching->interface = attach.interface;
		attaching->arguments = &attach.arguments;
		attaching->mode = attach.mode;
		attaching->vouched = attach.vouched;
		attaching->trusted = attach.trust;
		attaching->options = attach.arguments.allowed || attach.arguments.local_count ||
				     attach.arguments.forwarding != TRUTH_UNKNOWN || attach.vouched;
		attaching->log = attach.verbose;
		attaching->progress = true;
		code = attach.arena ? run(&attach) : fail_system(&attach, -ENOMEM, "no memory");
	}
	attaching_fini(attaching);
	if (attach.ruleset)
		ruleset_free(attach.ruleset);
	arena_cleanup(&attach.arena);
	state_store_close(&attach.store);
	region_arguments_fini(&attach.arguments);
	return code;
}

const struct command command_attach = {"attach", attach_main,
				       "drop early, in XDP, what the rules drop anyway"};
