/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir attach: rules to region to tables to XDP. Everything is computed, proven and tried before the one call
 * that switches; whatever stands against it is said in words and nothing is changed. */
#include "kernel/attach.h"
#include "command/command.h"
#include "command/reason.h"
#include "command/region_options.h"
#include "kernel/attachment.h"
#include "plane/xdp.h"
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
    "the rules that are live.\n"
    "\n"
    "  --live                  the rules and sets of this network namespace\n"
    "  --trust-files           do not compare the files with the live rules\n"
    "  --mode MODE             native, generic, or auto (default): native, else generic\n"
    "  --vouch LIST            answer for these in place of weir's check: hooks, tc, upper, vlan (with "
    "commas)\n"
    "  --dry-run               everything but the attaching\n"
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
	OPTION_HELP
};

static const struct option long_options[] = {
    {"live", no_argument, NULL, OPTION_LIVE},
    {"trust-files", no_argument, NULL, OPTION_TRUST},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"vouch", required_argument, NULL, OPTION_VOUCH},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    REGION_OPTIONS_WITHOUT_INTERFACE,
    {NULL, 0, NULL, 0},
};

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};

struct attach {
	const char *interface;
	const char *const *paths;
	size_t path_count;
	bool live, trust, dry_run, verbose, json;
	enum attach_mode mode;
	unsigned vouched;
	struct region_arguments arguments;

	struct arena *arena;
	struct host host;
	struct region_local *locals; /* given and found */
	size_t local_count;
	struct ruleset *ruleset;
	bool has_fingerprint;
	uint64_t fingerprint;
	enum truth forwarding[FAMILY_COUNT], nat[FAMILY_COUNT];
	struct region *regions[FAMILY_COUNT];
	const struct region *used[FAMILY_COUNT]; /* NULL where undecided */
	struct host_reach reach[FAMILY_COUNT];
	struct plane *plane;
	struct plane_xdp *xdp;
	void *meta;
	size_t meta_size;
	uint64_t compile_ns, proof_ns;
	struct attach_result result;
};

static int fail_system(const struct attach *attach, int error, const char *doing)
{
	if (error == -EPERM || error == -EACCES)
		return command_fail(
		    "attach", EXIT_SYSTEM,
		    "%s: %s: not permitted; weir needs root (CAP_NET_ADMIN, CAP_BPF and CAP_SYS_ADMIN)",
		    attach->interface, doing);
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

static int report_problems(const struct attach *attach, const struct host_problem *problems, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		command_fail("attach", EXIT_SYSTEM, "%s [%s]", problems[i].text, problems[i].code);
		if (problems[i].hint)
			fprintf(stderr, "  hint: %s\n", problems[i].hint);
	}
	if (!count)
		return EXIT_DONE;
	return command_fail("attach", EXIT_SYSTEM, "%s: nothing was changed", attach->interface);
}

/* The host's side, as far as it does not depend on the rules. */
static int examine_host(struct attach *attach)
{
	struct host_problem *problems;
	size_t count;
	int error = host_read(attach->arena, attach->interface, &attach->host);
	uint32_t other;

	if (error == -ENODEV)
		return command_fail("attach", EXIT_SYSTEM, "%s: no such interface in this network namespace",
				    attach->interface);
	if (error)
		return fail_system(attach, error, "cannot read the state of the interface");
	error = host_check(attach->arena, &attach->host, attach->vouched, NULL, &problems, &count);
	if (error)
		return fail_system(attach, error, "cannot check the interface");
	if (count)
		return report_problems(attach, problems, count);
	other = attach->host.link.xdp_offload  ? attach->host.link.xdp_offload
		: attach->host.link.xdp_native ? attach->host.link.xdp_native
					       : attach->host.link.xdp_generic;
	if (other) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;

		error = attachment_open(other, &attachment);
		if (error == -ENOENT)
			return command_fail(
			    "attach", EXIT_SYSTEM,
			    "%s: another XDP program (id %u) is attached; weir does not replace what is "
			    "not its own",
			    attach->interface, other);
		if (error && error != -EPROTO && error != -EBADMSG)
			return fail_system(attach, error, "cannot read the attached program");
	}
	return EXIT_DONE;
}

/* --trust-files does without the comparison, but what is live is remembered all the same: status tells when
 * it changes. */
static int compare_live(struct attach *attach)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *live __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct buffer text = {0};
	int error, code = EXIT_DONE;

	if (!sink)
		return fail_system(attach, -ENOMEM, "reading the live rules");
	if (attach->live) {
		attach->has_fingerprint = !meta_fingerprint(attach->ruleset, &attach->fingerprint);
		return attach->has_fingerprint ? EXIT_DONE
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
	attach->has_fingerprint = !meta_fingerprint(live, &attach->fingerprint);
	if (!attach->trust && !ruleset_equal(attach->ruleset, live, &text)) {
		code = command_fail("attach", EXIT_SYSTEM, "%s: the files differ from the live rules: %s",
				    attach->interface, text.data ? text.data : "");
		fputs("  hint: load them first, or attach with --live; --trust-files if you know better\n",
		      stderr);
	}
	buffer_fini(&text);
	return code;
}

/* What is known of the host, as the region takes it. */
static int collect_facts(struct attach *attach, struct region_options *options)
{
	/* The host's IPv6 addresses are known, even where it has none. */
	const struct region_local loopback = {FAMILY_IPV6, 1, 1};
	size_t count = 0;

	*options = region_arguments_options(&attach->arguments);
	options->interface = attach->interface;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		if (attach->arguments.forwarding == TRUTH_UNKNOWN)
			options->forwarding[family] = attach->host.forwarding[family];
		options->nat[family] = host_nat(&attach->host, family);
		attach->forwarding[family] = options->forwarding[family];
		attach->nat[family] = options->nat[family];
	}
	attach->local_count = attach->arguments.local_count + attach->host.local_count;
	attach->locals = arena_array(attach->arena, attach->local_count + 1, sizeof(*attach->locals));
	if (!attach->locals)
		return -ENOMEM;
	for (size_t i = 0; i < attach->host.local_count; i++)
		attach->locals[count++] = attach->host.locals[i];
	for (size_t i = 0; i < attach->arguments.local_count; i++)
		attach->locals[count++] = attach->arguments.locals[i];
	attach->locals[count++] = loopback;
	options->locals = attach->locals;
	options->local_count = count;
	return 0;
}

static int fail_compute(struct attach *attach, int error, const struct buffer *why)
{
	if (error == -E2BIG)
		return command_fail("attach", EXIT_UNDECIDED,
				    "%s: the tables would be too large; nothing was changed",
				    attach->interface);
	if (error == -EILSEQ)
		return command_fail(
		    "attach", EXIT_UNDECIDED,
		    "%s: the tables could not be proven equal to the rules (%s); nothing was changed. "
		    "Please report this",
		    attach->interface, why->data ? why->data : strerror(-error));
	return fail_system(attach, error, "cannot compute what may be dropped early");
}

static int compute(struct attach *attach)
{
	struct region_options options;
	struct buffer why = {0};
	bool decided = false;
	int error = collect_facts(attach, &options);

	if (error)
		return fail_system(attach, error, "cannot compute what may be dropped early");
	command_progress_start("computing what may be dropped early");
	error = plane_compute(attach->ruleset, &options, attach->regions, &attach->plane, &why);
	command_progress_stop();
	if (error)
		error = fail_compute(attach, error, &why);
	buffer_fini(&why);
	if (error)
		return error;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		if (attach->regions[family]->undecided)
			command_fail("attach", EXIT_UNDECIDED,
				     "%s: what may be dropped of %s is undecided within the budget of nodes; "
				     "all of it goes up",
				     attach->interface, family_names[family]);
		else
			attach->used[family] = attach->regions[family];
		decided |= attach->used[family] && attach->ruleset->has_family[family];
		attach->reach[family] = host_reach(attach->regions[family]);
	}
	if (!decided && (attach->regions[FAMILY_IPV4]->undecided || attach->regions[FAMILY_IPV6]->undecided))
		return command_fail("attach", EXIT_UNDECIDED, "%s: nothing was changed", attach->interface);
	const struct plane *plane = attach->plane;
	attach->compile_ns =
	    (uint64_t)((plane->statistics.meaning_seconds + plane->statistics.build_seconds) * 1e9);
	attach->proof_ns = (uint64_t)(plane->statistics.proof_seconds * 1e9);
	return 0;
}

static int describe(struct attach *attach)
{
	struct meta_header header = {
	    .namespace_inode = attach->host.namespace_inode,
	    .fingerprint = attach->fingerprint,
	    .has_fingerprint = attach->has_fingerprint,
	    .trusted = attach->trust,
	    .compile_ns = attach->compile_ns,
	    .proof_ns = attach->proof_ns,
	    .blob_bytes = attach->plane->size,
	    .ifindex = (uint32_t)attach->host.link.index,
	    .forwarding_given = attach->arguments.forwarding != TRUTH_UNKNOWN,
	    .allowed = attach->arguments.allowed,
	    .vouched = attach->vouched,
	};
	struct buffer sources = {0};
	int error;

	memcpy(header.interface, attach->host.link.name, sizeof(header.interface));
	memcpy(header.mac, attach->host.link.mac, sizeof(header.mac));
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		header.nodes[family] = attach->used[family] ? attach->used[family]->nodes : 0;
		header.forwarding[family] = (uint8_t)attach->forwarding[family];
		header.nat[family] = (uint8_t)attach->nat[family];
		header.reach[family] = (struct meta_reach){.used = attach->reach[family].used,
							   .beyond = attach->reach[family].beyond,
							   .table = (uint8_t)attach->reach[family].table};
	}
	if (attach->live)
		buffer_puts(&sources, "--live");
	for (size_t i = 0; i < attach->path_count; i++)
		buffer_printf(&sources, "%s%s", i ? " " : "", attach->paths[i]);
	/* of the local addresses only those found on the host are looked after */
	error = meta_build(attach->arena, &header, sources.data ? sources.data : "", attach->used,
			   attach->plane, attach->locals, attach->local_count - attach->arguments.local_count,
			   &attach->meta, &attach->meta_size);
	buffer_fini(&sources);
	return error;
}

/* Loads and tries the program. */
static int load(struct attach *attach)
{
	struct buffer why = {0}, log = {0};
	int code = EXIT_DONE, error;

	error =
	    plane_xdp_open(attach->plane, attach->host.link.mac, attach->verbose ? &log : NULL, &attach->xdp);
	if (error) {
		code =
		    fail_system(attach, error,
				error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL
				    ? "this kernel does not load the program (weir needs BPF and Linux 5.15)"
				    : "cannot load the program");
		if (attach->verbose && log.data)
			fputs(log.data, stderr);
		else if (error == -EINVAL || error == -EACCES)
			fputs("  hint: --verbose prints the verifier's log\n", stderr);
	} else {
		error =
		    attach_rehearse(attach->xdp->program_fd, attach->xdp->counters_fd, attach->xdp->stride,
				    attach->plane, attach->host.link.mac, attach->used, &why);
		if (error)
			code = command_fail("attach", EXIT_SYSTEM,
					    "%s: trying the program: %s; nothing was changed",
					    attach->interface, why.data ? why.data : strerror(-error));
	}
	buffer_fini(&why);
	buffer_fini(&log);
	return code;
}

static int switch_program(struct attach *attach)
{
	struct attach_request request = {
	    .ifindex = attach->host.link.index,
	    .mode = attach->mode,
	    .program = attach->xdp->program_fd,
	    .counters = attach->xdp->counters_fd,
	    .stride = attach->xdp->stride,
	    .copies = attach->xdp->cpus,
	    .meta = attach->meta,
	    .meta_size = attach->meta_size,
	};
	struct buffer why = {0};
	int error = attach_run(&request, &attach->result, &why), code = EXIT_DONE;

	if (error == -EPERM)
		code = fail_system(attach, error, "cannot attach");
	else if (error)
		code = command_fail("attach", EXIT_SYSTEM, "%s: %s%s", attach->interface,
				    why.data ? why.data : strerror(-error),
				    error == -EOPNOTSUPP && attach->mode == ATTACH_NATIVE
					? "; its driver has no native mode, --mode generic works everywhere"
					: "");
	buffer_fini(&why);
	return code;
}

struct totals {
	size_t rules, all, some, none, unreached;
};

static struct totals count_coverage(const struct attach *attach)
{
	struct totals totals = {0};

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct region *region = attach->used[family];

		for (size_t i = 0; region && i < region->covered_count; i++) {
			const struct unit *unit = &region->units[region->covered[i].unit];
			size_t count = unit->kind == UNIT_POLICY ? 1 : unit->rule_count;
			size_t *const places[] = {[COVERAGE_ALL] = &totals.all,
						  [COVERAGE_SOME] = &totals.some,
						  [COVERAGE_NONE] = &totals.none,
						  [COVERAGE_UNREACHED] = &totals.unreached};

			totals.rules += count;
			*places[region->covered[i].coverage] += count;
		}
	}
	return totals;
}

static void print_left_out(const struct attach *attach)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct region *region = attach->used[family];

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

static const char *note_of_mode(const struct attach *attach)
{
	if (attach->result.gap)
		return "the mode was changed: for a moment nothing was attached, and the kernel's rules "
		       "alone dropped";
	if (attach->result.native_refused)
		return "the driver refused native mode: generic mode drops the same packets, later and at a "
		       "higher cost";
	if (attach->result.swapped && attach->result.generic && attach->mode == ATTACH_AUTO)
		return "generic mode as before; --mode native changes it";
	return NULL;
}

static int print_text(const struct attach *attach)
{
	struct totals totals = count_coverage(attach);
	const char *note = note_of_mode(attach);

	if (attach->dry_run)
		printf("%s: would attach\n", attach->interface);
	else
		printf("%s: %s in %s mode\n", attach->interface,
		       attach->result.swapped ? "swapped" : "attached",
		       attach->result.generic ? "generic" : "native");
	printf("  %zu of %zu rules and policies that drop are dropped early", totals.all + totals.some,
	       totals.rules);
	if (totals.some)
		printf(", %zu of them in part", totals.some);
	printf("\n");
	if (totals.none && !attach->verbose)
		printf("  %zu are left to the kernel; --verbose or weir compile say why\n", totals.none);
	if (attach->verbose)
		print_left_out(attach);
	printf("  tables of %zu bytes, computed in %.0f ms, proven in %.0f ms\n", attach->plane->size,
	       (double)attach->compile_ns / 1e6, (double)attach->proof_ns / 1e6);
	if (note && !attach->dry_run)
		printf("  note: %s\n", note);
	if (attach->result.counters_lost)
		printf("  note: the program before was of another version of weir: its counters are lost\n");
	if (attach->host.packet_listeners)
		printf("  note: %u packet socket%s (tcpdump and its kind) no longer see%s what is dropped "
		       "early\n",
		       attach->host.packet_listeners, attach->host.packet_listeners == 1 ? "" : "s",
		       attach->host.packet_listeners == 1 ? "s" : "");
	if (!attach->host.hooks.listed)
		printf("  note: this kernel does not list netfilter hooks; nft chains, flowtables and BPF "
		       "programs were looked "
		       "at, hooks of other modules cannot be\n");
	if (!attach->host.link.elsewhere_seen)
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
	struct totals totals = count_coverage(attach);
	const char *note = note_of_mode(attach);

	json_object_object_add(object, "interface", json_object_new_string(attach->interface));
	json_object_object_add(object, "attached", json_object_new_boolean(!attach->dry_run));
	if (!attach->dry_run) {
		json_object_object_add(object, "mode",
				       json_object_new_string(attach->result.generic ? "generic" : "native"));
		json_object_object_add(object, "swapped", json_object_new_boolean(attach->result.swapped));
		json_object_object_add(object, "counters_lost",
				       json_object_new_boolean(attach->result.counters_lost));
		if (note)
			json_object_object_add(object, "note", json_object_new_string(note));
	}
	add_number(object, "dropping", totals.rules);
	add_number(object, "early", totals.all);
	add_number(object, "early_in_part", totals.some);
	add_number(object, "not_early", totals.none);
	add_number(object, "unreached", totals.unreached);
	add_number(object, "table_bytes", attach->plane->size);
	add_number(object, "compile_ns", attach->compile_ns);
	add_number(object, "proof_ns", attach->proof_ns);
	add_number(object, "packet_listeners", attach->host.packet_listeners);
	json_object_object_add(object, "hooks_listed", json_object_new_boolean(attach->host.hooks.listed));
	return command_print_json(object);
}

/* Facts and rules were read before the tables were made, and may have changed until they were attached: what
 * no longer holds is taken away at once. */
static int look_again(struct attach *attach)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *live __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct host_problem *problems;
	struct buffer why = {0};
	struct host host;
	uint64_t fingerprint;
	size_t count = 0;
	int error = host_read(attach->arena, attach->interface, &host);

	if (!error && host.link.xdp_native != attach->result.program &&
	    host.link.xdp_generic != attach->result.program)
		return EXIT_DONE; /* somebody took it away or put another in its place: nothing of ours is
				     left */
	if (!error && attach->has_fingerprint)
		error = sink ? rules_load_live(sink, &live) : -ENOMEM;
	if (!error && live)
		error = meta_fingerprint(live, &fingerprint);
	if (!error)
		error = attachment_open(attach->result.program, &attachment);
	if (!error)
		error = attachment_stale(attach->arena, &attachment.meta, &host, live ? &fingerprint : NULL,
					 &problems, &count);
	if (!error && !count)
		return EXIT_DONE;
	int removed = attach_remove(attach->host.link.index, &why);
	buffer_fini(&why);
	return command_fail("attach", EXIT_SYSTEM, "%s: while it was being attached, %s; %s",
			    attach->interface, error ? strerror(-error) : problems[0].text,
			    removed ? "it could NOT be taken away again: ip link set dev IFACE xdp off"
				    : "it was taken away again: nothing is dropped early");
}

static int run(struct attach *attach)
{
	struct host_problem *problems;
	size_t count;
	int code = examine_host(attach), error;

	if (!code)
		code = command_load(attach->paths, attach->path_count, attach->live, &attach->ruleset);
	if (!code)
		code = compare_live(attach);
	if (!code)
		code = compute(attach);
	if (code)
		return code;
	error = host_check(attach->arena, &attach->host, attach->vouched, attach->reach, &problems, &count);
	if (error)
		return fail_system(attach, error, "cannot check the interface");
	if (count)
		return report_problems(attach, problems, count);
	error = describe(attach);
	if (error)
		return fail_system(attach, error, "cannot describe the program");
	code = load(attach);
	if (!code && !attach->dry_run)
		code = switch_program(attach);
	if (!code && !attach->dry_run)
		code = look_again(attach);
	if (code)
		return code;
	return attach->json ? print_json(attach) : print_text(attach);
}

static int attach_main(int argc, char **argv)
{
	struct attach attach = {0};
	int code;

	region_arguments_init(&attach.arguments);
	code = take_arguments(&attach, argc, argv);
	if (code < 0) {
		attach.arena = arena_new();
		code = attach.arena ? run(&attach) : fail_system(&attach, -ENOMEM, "no memory");
	}
	plane_xdp_free(attach.xdp);
	if (attach.plane)
		plane_free(attach.plane);
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (attach.regions[family])
			region_free(attach.regions[family]);
	if (attach.ruleset)
		ruleset_free(attach.ruleset);
	arena_cleanup(&attach.arena);
	region_arguments_fini(&attach.arguments);
	return code;
}

const struct command command_attach = {"attach", attach_main,
				       "drop early, in XDP, what the rules drop anyway"};
