/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command/attaching.h"
#include "command/command.h"

#include <errno.h>
#include <string.h>

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};

/* "eth0: ..." */
__attribute__((format(printf, 3, 4))) static int refuse(struct attaching *attaching, int code,
							const char *format, ...)
{
	va_list arguments;

	buffer_printf(&attaching->why, "%s: ", attaching->interface);
	va_start(arguments, format);
	buffer_vprintf(&attaching->why, format, arguments);
	va_end(arguments);
	buffer_puts(&attaching->why, "\n");
	return code;
}

static int fail_system(struct attaching *attaching, int error, const char *doing)
{
	if (error == -EPERM || error == -EACCES)
		return refuse(attaching, EXIT_SYSTEM,
			      "%s: not permitted; weir needs root (CAP_NET_ADMIN, CAP_BPF and CAP_SYS_ADMIN)",
			      doing);
	return refuse(attaching, EXIT_SYSTEM, "%s: %s", doing, strerror(-error));
}

uint32_t link_program(const struct link *link)
{
	return link->xdp_offload  ? link->xdp_offload
	       : link->xdp_native ? link->xdp_native
				  : link->xdp_generic;
}

/* The problems' texts name the interface themselves. */
static int report_problems(struct attaching *attaching, const struct host_problem *problems, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buffer_printf(&attaching->why, "%s [%s]\n", problems[i].text, problems[i].code);
		if (problems[i].hint)
			buffer_printf(&attaching->why, "  hint: %s\n", problems[i].hint);
	}
	return count ? EXIT_SYSTEM : EXIT_DONE;
}

int attaching_examine(struct attaching *attaching)
{
	struct host_problem *problems;
	size_t count;
	int error;
	uint32_t other;

	if (!attaching->arena)
		attaching->arena = arena_new();
	error =
	    attaching->arena ? host_read(attaching->arena, attaching->interface, &attaching->host) : -ENOMEM;
	if (error == -ENODEV)
		return refuse(attaching, EXIT_SYSTEM, "no such interface in this network namespace");
	if (error)
		return fail_system(attaching, error, "cannot read the state of the interface");
	attaching->host.applied = attaching->rules != META_LIVE;
	error = host_check(attaching->arena, &attaching->host, attaching->vouched, NULL, &problems, &count);
	if (error)
		return fail_system(attaching, error, "cannot check the interface");
	if (count)
		return report_problems(attaching, problems, count);
	other = link_program(&attaching->host.link);
	if (other) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;

		error = attachment_open(other, &attachment);
		if (error == -ENOENT)
			return refuse(attaching, EXIT_SYSTEM,
				      "another XDP program (id %u) is attached; weir does not replace what "
				      "is not its own",
				      other);
		if (error && error != -EPROTO && error != -EBADMSG)
			return fail_system(attaching, error, "cannot read the attached program");
	}
	return EXIT_DONE;
}

/* What is known of the host, as the region takes it. */
static int collect_facts(struct attaching *attaching, struct region_options *options)
{
	/* The host's IPv6 addresses are known, even where it has none. */
	const struct region_local loopback = {FAMILY_IPV6, 1, 1};
	const struct region_arguments *arguments = attaching->arguments;
	size_t count = 0;

	*options = region_arguments_options(arguments);
	options->interface = attaching->interface;
	options->within = attaching->within;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		if (arguments->forwarding == TRUTH_UNKNOWN)
			options->forwarding[family] = attaching->host.forwarding[family];
		options->nat[family] = host_nat(&attaching->host, family);
		attaching->forwarding[family] = options->forwarding[family];
		attaching->nat[family] = options->nat[family];
	}
	attaching->local_count = arguments->local_count + attaching->host.local_count;
	attaching->locals =
	    arena_array(attaching->arena, attaching->local_count + 1, sizeof(*attaching->locals));
	if (!attaching->locals)
		return -ENOMEM;
	for (size_t i = 0; i < attaching->host.local_count; i++)
		attaching->locals[count++] = attaching->host.locals[i];
	for (size_t i = 0; i < arguments->local_count; i++)
		attaching->locals[count++] = arguments->locals[i];
	attaching->locals[count++] = loopback;
	options->locals = attaching->locals;
	options->local_count = count;
	return 0;
}

int attaching_regions(struct attaching *attaching)
{
	struct region_options options;
	int error = collect_facts(attaching, &options);

	for (enum family family = 0; family < FAMILY_COUNT && !error; family++)
		error = region_compute(attaching->ruleset, family, &options, &attaching->regions[family]);
	return error ? fail_system(attaching, error, "cannot compute what may be dropped early") : EXIT_DONE;
}

static int fail_compute(struct attaching *attaching, int error, const struct buffer *why)
{
	if (error == -E2BIG)
		return refuse(attaching, EXIT_UNDECIDED, "the tables would be too large");
	if (error == -EILSEQ)
		return refuse(attaching, EXIT_UNDECIDED,
			      "the tables could not be proven equal to the rules (%s). Please report this",
			      why->data ? why->data : strerror(-error));
	return fail_system(attaching, error, "cannot compute what may be dropped early");
}

/* What of both families there is to go on with. */
static int take_regions(struct attaching *attaching)
{
	bool decided = false, undecided = false;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		if (attaching->regions[family]->undecided)
			refuse(attaching, EXIT_UNDECIDED,
			       "what may be dropped of %s is undecided within the budget of nodes; all of it "
			       "goes up",
			       family_names[family]);
		else
			attaching->used[family] = attaching->regions[family];
		undecided |= attaching->regions[family]->undecided;
		decided |= attaching->used[family] && attaching->ruleset->has_family[family];
		attaching->reach[family] = host_reach(attaching->regions[family]);
	}
	return !decided && undecided ? EXIT_UNDECIDED : EXIT_DONE;
}

int attaching_compute(struct attaching *attaching)
{
	struct region_options options;
	struct host_problem *problems;
	struct buffer why = {0};
	size_t count;
	int error = collect_facts(attaching, &options), code;

	if (error)
		return fail_system(attaching, error, "cannot compute what may be dropped early");
	if (attaching->progress)
		command_progress_start("computing what may be dropped early");
	error = plane_compute(attaching->ruleset, &options, attaching->regions, &attaching->plane, &why);
	if (attaching->progress)
		command_progress_stop();
	code = error ? fail_compute(attaching, error, &why) : take_regions(attaching);
	buffer_fini(&why);
	if (code)
		return code;
	const struct plane *plane = attaching->plane;
	attaching->compile_ns =
	    (uint64_t)((plane->statistics.meaning_seconds + plane->statistics.build_seconds) * 1e9);
	attaching->proof_ns = (uint64_t)(plane->statistics.proof_seconds * 1e9);
	error = host_check(attaching->arena, &attaching->host, attaching->vouched, attaching->reach,
			   &problems, &count);
	if (error)
		return fail_system(attaching, error, "cannot check the interface");
	return report_problems(attaching, problems, count);
}

static int describe(struct attaching *attaching)
{
	const struct region_arguments *arguments = attaching->arguments;
	struct meta_header header = {
	    .namespace_inode = attaching->host.namespace_inode,
	    .fingerprint = attaching->fingerprint,
	    .has_fingerprint = attaching->has_fingerprint,
	    .trusted = attaching->trusted,
	    .rules = (uint8_t)attaching->rules,
	    .by_hand = attaching->by_hand,
	    .options = attaching->options,
	    .compile_ns = attaching->compile_ns,
	    .proof_ns = attaching->proof_ns,
	    .blob_bytes = attaching->plane->size,
	    .ifindex = (uint32_t)attaching->host.link.index,
	    .forwarding_given = arguments->forwarding != TRUTH_UNKNOWN,
	    .allowed = arguments->allowed,
	    .vouched = attaching->vouched,
	};

	memcpy(header.interface, attaching->host.link.name, sizeof(header.interface));
	memcpy(header.mac, attaching->host.link.mac, sizeof(header.mac));
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct host_reach *reach = &attaching->reach[family];

		header.nodes[family] = attaching->used[family] ? attaching->used[family]->nodes : 0;
		header.forwarding[family] = (uint8_t)attaching->forwarding[family];
		header.nat[family] = (uint8_t)attaching->nat[family];
		header.reach[family] = (struct meta_reach){
		    .used = reach->used, .beyond = reach->beyond, .table = (uint8_t)reach->table};
	}
	/* of the local addresses only those found on the host are looked after */
	return meta_build(attaching->arena, &header, attaching->sources ? attaching->sources : "",
			  attaching->used, attaching->plane, attaching->locals,
			  attaching->local_count - arguments->local_count, &attaching->meta,
			  &attaching->meta_size);
}

int attaching_load(struct attaching *attaching)
{
	struct buffer why = {0}, log = {0};
	int code = EXIT_DONE, error = describe(attaching);

	if (error)
		return fail_system(attaching, error, "cannot describe the program");
	error = plane_xdp_open(attaching->plane, attaching->host.link.mac, attaching->log ? &log : NULL,
			       &attaching->xdp);
	if (error) {
		code =
		    fail_system(attaching, error,
				error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL
				    ? "this kernel does not load the program (weir needs BPF and Linux 5.15)"
				    : "cannot load the program");
		if (attaching->log && log.data)
			buffer_puts(&attaching->why, log.data);
		else if (error == -EINVAL || error == -EACCES)
			buffer_puts(&attaching->why, "  hint: weir attach --verbose prints the verifier's "
						     "log\n");
	} else {
		error = attach_rehearse(attaching->xdp->program_fd, attaching->xdp->counters_fd,
					attaching->xdp->stride, attaching->plane, attaching->host.link.mac,
					attaching->used, &why);
		if (error)
			code = refuse(attaching, EXIT_SYSTEM, "trying the program: %s",
				      why.data ? why.data : strerror(-error));
	}
	buffer_fini(&why);
	buffer_fini(&log);
	return code;
}

int attaching_switch(struct attaching *attaching)
{
	struct attach_request request = {
	    .ifindex = attaching->host.link.index,
	    .mode = attaching->mode,
	    .program = attaching->xdp->program_fd,
	    .counters = attaching->xdp->counters_fd,
	    .stride = attaching->xdp->stride,
	    .copies = attaching->xdp->cpus,
	    .meta = attaching->meta,
	    .meta_size = attaching->meta_size,
	};
	struct buffer why = {0};
	int error = attach_run(&request, &attaching->result, &why), code = EXIT_DONE;

	if (error == -EPERM)
		code = fail_system(attaching, error, "cannot attach");
	else if (error)
		code = refuse(attaching, EXIT_SYSTEM, "%s%s", why.data ? why.data : strerror(-error),
			      error == -EOPNOTSUPP && attaching->mode == ATTACH_NATIVE
				  ? "; its driver has no native mode, --mode generic works everywhere"
				  : "");
	buffer_fini(&why);
	return code;
}

int attaching_look_again(struct attaching *attaching, const uint64_t *fingerprint)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	struct host_problem *problems;
	struct buffer why = {0};
	struct host host;
	size_t count = 0;
	int error = host_read(attaching->arena, attaching->interface, &host);

	if (!error && host.link.xdp_native != attaching->result.program &&
	    host.link.xdp_generic != attaching->result.program)
		return EXIT_DONE; /* somebody took it away or put another in its place: nothing of ours is
				     left */
	if (!error)
		error = attachment_open(attaching->result.program, &attachment);
	if (!error)
		error = attachment_stale(attaching->arena, &attachment.meta, &host, fingerprint, &problems,
					 &count);
	if (!error && !count)
		return EXIT_DONE;
	int removed = attach_remove(attaching->host.link.index, &why);
	buffer_fini(&why);
	return refuse(attaching, EXIT_SYSTEM, "while it was being attached, %s; %s",
		      error ? strerror(-error) : problems[0].text,
		      removed ? "it could NOT be taken away again: ip link set dev IFACE xdp off"
			      : "it was taken away again: nothing is dropped early");
}

struct attaching_totals attaching_count(const struct attaching *attaching)
{
	struct attaching_totals totals = {0};

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct region *region = attaching->used[family];

		for (size_t i = 0; region && i < region->covered_count; i++) {
			const struct unit *unit = &region->units[region->covered[i].unit];
			size_t count = unit->kind == UNIT_POLICY ? 1 : unit->rule_count;
			size_t *const places[] = {[COVERAGE_ALL] = &totals.all,
						  [COVERAGE_SOME] = &totals.some,
						  [COVERAGE_NONE] = &totals.none,
						  [COVERAGE_UNREACHED] = &totals.unreached};

			totals.rules += count;
			totals.limited += region->covered[i].limit ? count : 0;
			*places[region->covered[i].coverage] += count;
		}
	}
	return totals;
}

const char *attaching_note(const struct attaching *attaching)
{
	const struct attach_result *result = &attaching->result;

	if (result->gap)
		return "the mode was changed: for a moment nothing was attached, and the kernel's rules "
		       "alone dropped";
	if (result->native_refused)
		return "the driver refused native mode: generic mode drops the same packets, later and at a "
		       "higher cost";
	if (result->swapped && result->generic && attaching->mode == ATTACH_AUTO)
		return "generic mode as before; --mode native changes it";
	return NULL;
}

void attaching_fini(struct attaching *attaching)
{
	plane_xdp_free(attaching->xdp);
	if (attaching->plane)
		plane_free(attaching->plane);
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (attaching->regions[family])
			region_free(attaching->regions[family]);
	arena_cleanup(&attaching->arena);
	buffer_fini(&attaching->why);
}
