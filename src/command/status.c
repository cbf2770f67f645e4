/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir status: where weir is attached, and whether what was true at attach still is. */
#include "command/command.h"
#include "command/reason.h"
#include "kernel/attachment.h"
#include "kernel/nft_fingerprint.h"
#include "read/load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "Usage: weir status [IFACE] [--json]\n"
    "\n"
    "Where weir is attached, since when, what it drops, and whether what it was computed from still holds:\n"
    "MAC address, forwarding, local addresses, devices on top, hooks, NAT, the live rules. If not: exit 1.\n"
    "\n"
    "  --json                  as JSON\n"
    "  --help\n";

/* Rules that are live: of iptables, or weir's own tables. */
struct live {
	bool read, known;
	uint64_t fingerprint;
	char *error;
};

struct status {
	struct arena *arena;
	bool json;
	struct json_object *list;
	struct live iptables, applied;
	size_t shown, stale;
};

static int read_iptables(uint64_t *fingerprint)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *live __attribute__((cleanup(ruleset_cleanup))) = NULL;
	int error = sink ? rules_load_live(sink, &live) : -ENOMEM;

	return error ? error : meta_fingerprint(live, fingerprint);
}

static int read_applied(uint64_t *fingerprint)
{
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer why = {0};
	int error = nft_image_read(&live, &why);

	buffer_fini(&why);
	if (!error)
		*fingerprint = nft_fingerprint(live);
	return error;
}

/* The live rules are read once, and only when something is attached for them. */
static const struct live *read_live(struct status *status, const struct meta_header *header)
{
	bool applied = header->rules != META_LIVE;
	struct live *live = applied ? &status->applied : &status->iptables;
	int error;

	if (live->read)
		return live;
	live->read = true;
	error = applied ? read_applied(&live->fingerprint) : read_iptables(&live->fingerprint);
	live->known = !error;
	if (error)
		live->error = arena_printf(status->arena, "%s", strerror(-error));
	return live;
}

static struct tally total(const struct meta *meta, const struct tally *items)
{
	struct tally sum = {0};

	/* each packet has one rule or policy that dropped it */
	for (uint64_t i = 0; i < meta->header->items.count; i++) {
		if (!meta->items[i].coverage || meta->items[i].kind == META_MEMBER)
			continue;
		sum.packets += items[i].packets;
		sum.bytes += items[i].bytes;
	}
	return sum;
}

static void print_time(uint64_t ns, char *out, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm parts;

	if (!localtime_r(&seconds, &parts) || !strftime(out, size, "%Y-%m-%d %H:%M:%S %z", &parts))
		snprintf(out, size, "?");
}

struct rule_counts {
	size_t all, early, partly, limited;
};

static struct rule_counts count_rules(const struct meta *meta)
{
	struct rule_counts counts = {0};

	for (uint64_t i = 0; i < meta->header->items.count; i++) {
		if (!meta->items[i].coverage)
			continue;
		counts.all++;
		counts.early += meta->items[i].coverage == COVERAGE_ALL + 1;
		counts.partly += meta->items[i].coverage == COVERAGE_SOME + 1;
		counts.limited += meta->items[i].limited;
	}
	return counts;
}

static void show_text(const struct live *live, const struct link *link, const struct attachment *attachment,
		      struct tally sum, const struct host_problem *problems, size_t count)
{
	const struct meta_header *header = attachment->meta.header;
	struct text sources = meta_text(&attachment->meta, header->sources);
	struct rule_counts counts = count_rules(&attachment->meta);
	char since[64];

	print_time(header->attached_at, since, sizeof(since));
	printf("%s: attached in %s mode since %s, program %u\n", link->name,
	       link->xdp_native == attachment->program_id ? "native" : "generic", since,
	       attachment->program_id);
	printf("  rules: ");
	clean_put(sources);
	printf("%s\n", header->trusted              ? " (trusted)"
		       : header->rules == META_LIVE ? ""
		       : header->by_hand            ? " (applied; attached by hand)"
						    : " (applied)");
	printf("  %zu of %zu rules and policies that drop are dropped early", counts.early + counts.partly,
	       counts.all);
	if (counts.partly)
		printf(", %zu of them in part", counts.partly);
	if (counts.limited)
		printf(", %zu above a rate", counts.limited);
	printf("\n  %" PRIu64 " packets, %" PRIu64 " bytes dropped early\n", sum.packets, sum.bytes);
	if (header->rules == META_BETWEEN)
		printf("  note: a change of the rules is going on, or was cut off: weir apply them again\n");
	else if (!header->has_fingerprint)
		printf("  note: the live rules were not known at attach and are not watched\n");
	else if (!live->known)
		printf("  note: the live rules cannot be read now: %s\n", live->error ? live->error : "?");
	for (size_t i = 0; i < count; i++) {
		printf("  STALE: ");
		clean_put(text_of(problems[i].text));
		printf(" [%s]\n", problems[i].code);
	}
	if (count)
		printf(
		    "  take it away with: weir detach %s, or ip link set dev %s xdp off; or attach again\n",
		    link->name, link->name);
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, clean_json(text_of(value)));
}

static void show_json(struct status *status, const struct live *live, const struct link *link,
		      const struct attachment *attachment, struct tally sum,
		      const struct host_problem *problems, size_t count)
{
	const struct meta_header *header = attachment->meta.header;
	struct json_object *object = json_object_new_object(), *stale = json_object_new_array();
	struct text sources = meta_text(&attachment->meta, header->sources);
	struct rule_counts counts = count_rules(&attachment->meta);

	add_string(object, "interface", link->name);
	add_string(object, "mode", link->xdp_native == attachment->program_id ? "native" : "generic");
	json_object_object_add(object, "program", json_object_new_uint64(attachment->program_id));
	json_object_object_add(object, "attached_at",
			       json_object_new_double((double)header->attached_at / 1e9));
	json_object_object_add(object, "rules", clean_json(sources));
	json_object_object_add(object, "trusted", json_object_new_boolean(header->trusted));
	json_object_object_add(object, "dropping", json_object_new_uint64(counts.all));
	json_object_object_add(object, "early", json_object_new_uint64(counts.early));
	json_object_object_add(object, "early_in_part", json_object_new_uint64(counts.partly));
	json_object_object_add(object, "limited", json_object_new_uint64(counts.limited));
	json_object_object_add(object, "packets", json_object_new_uint64(sum.packets));
	json_object_object_add(object, "bytes", json_object_new_uint64(sum.bytes));
	json_object_object_add(object, "rules_watched",
			       json_object_new_boolean(header->has_fingerprint && live->known));
	json_object_object_add(object, "applied", json_object_new_boolean(header->rules != META_LIVE));
	for (size_t i = 0; i < count; i++) {
		struct json_object *reason = json_object_new_object();

		add_string(reason, "code", problems[i].code);
		add_string(reason, "text", problems[i].text);
		json_object_array_add(stale, reason);
	}
	json_object_object_add(object, "stale", stale);
	json_object_array_add(status->list, object);
}

static int show(struct status *status, const struct link *link, const struct attachment *attachment)
{
	struct host_problem *problems;
	struct tally *items, sum;
	struct host host;
	size_t count;
	int error = host_read(status->arena, link->name, &host);

	if (error)
		return command_fail("status", EXIT_SYSTEM, "%s: cannot read its state: %s", link->name,
				    strerror(-error));
	const struct live *live = read_live(status, attachment->meta.header);
	error = attachment_stale(status->arena, &attachment->meta, &host,
				 live->known ? &live->fingerprint : NULL, &problems, &count);
	if (!error)
		error = attachment_count(attachment, &items);
	if (error)
		return command_fail("status", EXIT_SYSTEM, "%s: cannot read the program's maps: %s",
				    link->name, strerror(-error));
	sum = total(&attachment->meta, items);
	free(items);
	if (status->json)
		show_json(status, live, link, attachment, sum, problems, count);
	else
		show_text(live, link, attachment, sum, problems, count);
	status->shown++;
	status->stale += count > 0;
	return EXIT_DONE;
}

static int look_at(struct status *status, const struct link *link, bool named)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	uint32_t id = link->xdp_offload  ? link->xdp_offload
		      : link->xdp_native ? link->xdp_native
					 : link->xdp_generic;
	int error = id ? attachment_open(id, &attachment) : -ENOENT;

	if (!error)
		return show(status, link, &attachment);
	if (error == -ENOENT) {
		if (named && id)
			command_fail("status", EXIT_DONE, "%s: another XDP program is attached, id %u",
				     link->name, id);
		return EXIT_DONE;
	}
	if (error == -EPROTO)
		return command_fail("status", EXIT_SYSTEM,
				    "%s: attached by another version of weir; weir detach %s works",
				    link->name, link->name);
	if (error == -EBADMSG)
		return command_fail("status", EXIT_SYSTEM,
				    "%s: attached, but its description is damaged; weir detach %s works",
				    link->name, link->name);
	return command_fail("status", EXIT_SYSTEM, "%s: cannot read program %u: %s%s", link->name, id,
			    strerror(-error), error == -EPERM ? "; weir needs root" : "");
}

static int run(struct status *status, const char *interface)
{
	struct link single, *links = &single;
	int code = EXIT_DONE, error;
	size_t count = 1;

	error = interface ? link_read(status->arena, interface, &single)
			  : link_with_xdp(status->arena, &links, &count);
	if (error == -ENODEV)
		return command_fail("status", EXIT_SYSTEM, "%s: no such interface in this network namespace",
				    interface);
	if (error)
		return command_fail("status", EXIT_SYSTEM, "cannot read the interfaces: %s%s",
				    strerror(-error), error == -EPERM ? "; weir needs root" : "");
	for (size_t i = 0; i < count; i++) {
		int one = look_at(status, &links[i], interface != NULL);

		if (one)
			code = one;
	}
	if (!status->json && !status->shown && !code)
		printf("weir is not attached%s%s\n", interface ? " to " : "", interface ? interface : "");
	if (status->json && command_print_json(json_object_get(status->list)))
		code = EXIT_SYSTEM;
	return code ? code : status->stale ? EXIT_FINDINGS : EXIT_DONE;
}

static int status_main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct status status = {0};
	int option, code;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (option != 'j')
			return EXIT_USAGE;
		status.json = true;
	}
	if (argc - optind > 1)
		return command_fail("status", EXIT_USAGE, "give one interface, or none");
	status.arena = arena_new();
	status.list = json_object_new_array();
	if (!status.arena || !status.list)
		code = command_fail("status", EXIT_SYSTEM, "out of memory");
	else
		code = run(&status, optind < argc ? argv[optind] : NULL);
	json_object_put(status.list);
	arena_cleanup(&status.arena);
	return code;
}

const struct command command_status = {"status", status_main,
				       "where weir is attached, and whether that still fits"};
