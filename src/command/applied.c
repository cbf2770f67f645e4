/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the commands share that work on applied states. */
#include "command/applied.h"
#include "command/command.h"
#include "kernel/attachment.h"
#include "kernel/link.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

uint64_t applied_seconds_left(uint64_t deadline)
{
	uint64_t now = state_clock();

	return now < deadline ? (deadline - now + 999999999) / 1000000000 : 0;
}

int applied_fail(const char *command, int error, const struct buffer *why)
{
	return command_fail(command, EXIT_SYSTEM, "%s",
			    why->data && why->size ? why->data : strerror(-error));
}

void applied_note(const char *command, const struct buffer *why)
{
	if (why->size)
		command_fail(command, EXIT_DONE, "%s", why->data);
}

static int report_recovered(const char *command, enum state_recovered recovered,
			    const struct state_pending *pending, bool trial_allowed)
{
	switch (recovered) {
	case STATE_RECOVERED_NOTHING:
		break;
	case STATE_RECOVERED_DONE:
		command_fail(command, EXIT_DONE,
			     "a change that was cut off had come through: state %" PRIu32 " is in force",
			     pending->number);
		break;
	case STATE_RECOVERED_UNDONE:
		command_fail(command, EXIT_DONE,
			     "a change to state %" PRIu32 " was cut off; what was before it is in force",
			     pending->number);
		break;
	case STATE_RECOVERED_EXPIRED:
		command_fail(command, EXIT_DONE,
			     "the trial of state %" PRIu32 " was over and not confirmed: it was taken back",
			     pending->number);
		break;
	case STATE_RECOVERED_TRIAL:
		if (trial_allowed)
			break;
		command_fail(command, EXIT_SYSTEM,
			     "a trial is running for %" PRIu64
			     " s more: weir confirm keeps it, weir rollback ends "
			     "it",
			     applied_seconds_left(pending->deadline));
		return EXIT_SYSTEM;
	}
	return EXIT_DONE;
}

int applied_open(const char *command, const char *directory, unsigned wait, struct state_store *store,
		 struct state_pending *trial)
{
	struct state_pending pending = {0};
	struct early_report early = {0};
	struct buffer why = {0};
	enum state_recovered recovered;
	int code = EXIT_DONE, error = state_store_open(directory, true, store, &why);

	if (!error)
		error = state_store_lock(store, command, wait, &why);
	if (!error)
		error = early_recover(store, &recovered, &pending, &early, &why);
	if (!error)
		applied_note(command, &why);
	if (error)
		code = applied_fail(command, error, &why);
	else
		code = report_recovered(command, recovered, &pending, trial);
	if (!code)
		code = applied_early(command, &early, false);
	early_report_fini(&early);
	if (!error && trial)
		*trial = recovered == STATE_RECOVERED_TRIAL ? pending : (struct state_pending){0};
	buffer_fini(&why);
	if (code)
		state_store_close(store);
	return code;
}

struct json_object *applied_changes_json(const struct nft_changes *changes)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < changes->count; i++) {
		const struct nft_change *change = &changes->list[i];
		struct json_object *object = json_object_new_object();
		json_object_object_add(
		    object, "family",
		    json_object_new_string(change->family == FAMILY_IPV4 ? "ipv4" : "ipv6"));
		json_object_object_add(object, "kind",
				       json_object_new_string(nft_change_kinds[change->kind]));
		json_object_object_add(object, "name", json_object_new_string(change->name));
		json_object_object_add(object, "change",
				       json_object_new_string(nft_change_verbs[change->verb]));
		json_object_object_add(object, "anew", json_object_new_boolean(change->anew));
		if (change->policy)
			json_object_object_add(
			    object, "policy",
			    json_object_new_string(change->new_chain->policy ? "ACCEPT" : "DROP"));
		json_object_object_add(object, "added", json_object_new_int64((int64_t)change->added));
		json_object_object_add(object, "removed", json_object_new_int64((int64_t)change->removed));
		json_object_array_add(array, object);
	}
	return array;
}

void applied_changes_print(const struct nft_changes *changes)
{
	struct buffer text = {0};

	for (size_t i = 0; i < changes->count; i++) {
		buffer_puts(&text, "  ");
		nft_change_print(&changes->list[i], &text);
		buffer_puts(&text, "\n");
	}
	if (text.data)
		fputs(text.data, stdout);
	buffer_fini(&text);
}

int applied_early(const char *command, const struct early_report *report, bool all)
{
	struct buffer text = {0};

	if (all) {
		early_report_print(report, &text);
		fputs(text.data ? text.data : "", stdout);
	}
	for (size_t i = 0; i < report->count; i++) {
		const struct early_result *result = &report->list[i];
		bool lost = result->verb == EARLY_DETACHED || result->verb == EARLY_NOT_ATTACHED;
		if (result->verb == EARLY_FAILED)
			command_fail(command, EXIT_SYSTEM, "early drop: %s", result->words);
		else if (lost && !all)
			command_fail(command, EXIT_DONE, "%s: nothing is dropped early there: %s",
				     result->device, result->words);
	}
	buffer_fini(&text);
	return report->error ? EXIT_SYSTEM : EXIT_DONE;
}

/* 1: weir is there, by other rules than those that are applied; 0: it is not; -errno: a program is there that
 * could not be looked at, as with CAP_BPF alone: it may be weir's. */
static int drops_early(const struct link *link)
{
	const uint32_t programs[] = {link->xdp_native, link->xdp_generic, link->xdp_offload};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
		if (!programs[i])
			continue;
		int error = attachment_open(programs[i], &attachment);
		if (!error && attachment.meta.header->rules != META_LIVE)
			continue;
		if (!error || error == -EPROTO || error == -EBADMSG)
			return 1;
		if (error != -ENOENT)
			return error;
	}
	return 0;
}

int applied_no_early_drop(const char *command)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct link *links;
	size_t count;
	int error = arena ? link_with_xdp(arena, &links, &count) : -ENOMEM;

	if (error)
		return command_fail(command, EXIT_SYSTEM,
				    "cannot look for XDP programs: %s: nothing was changed",
				    strerror(-error));
	for (size_t i = 0; i < count; i++) {
		error = drops_early(&links[i]);
		if (error < 0)
			return command_fail(command, EXIT_SYSTEM,
					    "%s: cannot look at the XDP program there, which may be weir's: "
					    "%s; nothing was changed",
					    links[i].name, strerror(-error));
		if (error)
			return command_fail(
			    command, EXIT_SYSTEM,
			    "%s: weir drops early there, by other rules than those that are applied: "
			    "weir detach %s first; nothing was changed",
			    links[i].name, links[i].name);
	}
	return EXIT_DONE;
}
