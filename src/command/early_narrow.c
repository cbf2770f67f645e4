/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Before the rules change: XDP drops no more than the old rules and the new ones both do. */
#include "command/early_private.h"
#include "command/early_state.h"
#include "kernel/nft_fingerprint.h"
#include "kernel/state_overlay.h"

#include <errno.h>
#include <string.h>

struct narrowing {
	struct state_store *store;
	const struct early_change *change;
	struct early_report *report;
	struct buffer *why;
	struct arena *arena;
	struct nft_image *live;
	uint64_t fingerprint;
	bool loaded; /* what follows is known; NULL: not to be known, and `unknown` says why */
	struct ruleset *before, *after;
	struct buffer unknown;
};

static int load_rules(struct narrowing *narrowing)
{
	const struct early_change *change = narrowing->change;
	int error;

	if (narrowing->loaded)
		return 0;
	error = early_state_rules(narrowing->store, narrowing->arena, change->from, narrowing->live,
				  &narrowing->before, &narrowing->unknown);
	if (!error)
		error = early_state_rules(narrowing->store, narrowing->arena, change->to, change->target,
					  &narrowing->after, &narrowing->unknown);
	narrowing->loaded = true;
	if (!error)
		return 0;
	ruleset_free(narrowing->before);
	narrowing->before = NULL;
	if (!narrowing->unknown.size)
		buffer_puts(&narrowing->unknown, strerror(-error));
	return error == -ENOMEM ? error : 0;
}

/* Whether all that the first rules drop early the second do, too. */
static bool covers(const struct attaching *attaching)
{
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		const struct region *region = attaching->regions[family];
		if (region->undecided || region->narrowed || region->rule_limit)
			return false;
	}
	return true;
}

static bool stays_within(struct narrowing *narrowing, const char *device)
{
	struct attaching attaching = early_attaching(device, narrowing->before, narrowing->after);
	bool within;

	/* as it was computed, it was allowed the more */
	if (early_counts(narrowing->before) && !early_counts(narrowing->after))
		return false;
	within = !attaching_examine(&attaching) && !attaching_regions(&attaching) && covers(&attaching);
	attaching_fini(&attaching);
	return within;
}

/* Puts in its place what both drop. false: that was not possible, `why` says why. */
static bool swap_narrower(struct narrowing *narrowing, const char *device, bool by_hand, struct buffer *why)
{
	struct attaching attaching = early_attaching(device, narrowing->after, narrowing->before);
	int code = 0;

	attaching.sources = "what two states both drop, while one follows the other";
	attaching.by_hand = by_hand;
	code = attaching_examine(&attaching);
	if (!code)
		code = attaching_compute(&attaching);
	if (!code) {
		struct attaching_totals totals = attaching_count(&attaching);
		if (!totals.all && !totals.some) {
			buffer_puts(why, "the new rules drop nothing of what the old ones drop early");
			code = -1;
		}
	}
	if (!code) {
		attaching.rules = META_BETWEEN;
		code = attaching_load(&attaching);
	}
	if (!code)
		code = attaching_switch(&attaching);
	if (code && attaching.why.data)
		buffer_add(why, attaching.why.data, attaching.why.size);
	attaching_fini(&attaching);
	return !code;
}

static int narrow_device(struct narrowing *narrowing, const struct link *link,
			 const struct attachment *attachment)
{
	const struct meta_header *header = attachment->meta.header;
	const char *of_host, *of_rules, *reason = NULL;
	bool stays = narrowing->change->tightens && !header->by_hand && !header->options;
	struct early_report *report = narrowing->report;
	struct buffer why = {0};
	struct host host;
	int error = host_read(narrowing->arena, link->name, &host);

	if (!error)
		error = early_find_stale(narrowing->arena, attachment, &host, narrowing->fingerprint,
					 &of_host, &of_rules);
	if (!error && !stays)
		error = load_rules(narrowing);
	if (error == -ENODEV)
		return 0;
	if (error == -EPERM)
		return early_take_away(link->name, link->index, "the host cannot be looked at: not permitted",
				       report, narrowing->why);
	if (error) {
		buffer_printf(narrowing->why, "%s: cannot look at XDP: %s", link->name, strerror(-error));
		return error;
	}
	if (header->rules == META_BETWEEN)
		reason = "a change of the rules was cut off";
	else if (of_host || of_rules)
		reason = of_host ? of_host : of_rules;
	else if (header->options)
		reason = "it was attached with options of its own, for the rules before: weir attach again";
	else if (!stays && !narrowing->before)
		reason = narrowing->unknown.data;
	if (reason)
		return early_take_away(link->name, link->index, reason, report, narrowing->why);
	if (stays) /* it is of these tables, and of this host */
		return 0;
	if (!header->by_hand && early_same_facts(attachment, &host) && stays_within(narrowing, link->name))
		return 0;
	if (swap_narrower(narrowing, link->name, header->by_hand, &why)) {
		buffer_fini(&why);
		return 0;
	}
	if (why.data)
		why.data[strcspn(why.data, "\n")] = 0;
	error = early_take_away(link->name, link->index, why.data, report, narrowing->why);
	buffer_fini(&why);
	return error;
}

static int narrow_all(struct narrowing *narrowing, const struct link *links, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
		enum presence presence;
		error = early_look(&links[i], &attachment, &presence);
		if (error)
			buffer_printf(narrowing->why, "%s: cannot look at the XDP program there: %s",
				      links[i].name, strerror(-error));
		if (error || presence != PRESENT_APPLIED)
			continue;
		if (!narrowing->live) {
			error = nft_image_read(&narrowing->live, narrowing->why);
			if (!error)
				narrowing->fingerprint = nft_fingerprint(narrowing->live);
			if (!error)
				error = state_overlay_lift(narrowing->store, narrowing->change->from,
							   &narrowing->live);
		}
		if (!error)
			error = narrow_device(narrowing, &links[i], &attachment);
	}
	return error;
}

int early_narrow(struct state_store *store, const struct early_change *change, struct early_report *report,
		 struct buffer *why)
{
	struct narrowing narrowing = {
	    .store = store, .change = change, .report = report, .why = why, .arena = arena_new()};
	struct link *links;
	size_t count = 0;
	int error = narrowing.arena ? link_with_xdp(narrowing.arena, &links, &count) : -ENOMEM;

	if (error)
		buffer_printf(why, "cannot look for XDP programs: %s", strerror(-error));
	else
		error = narrow_all(&narrowing, links, count);
	ruleset_free(narrowing.before);
	ruleset_free(narrowing.after);
	nft_image_free(narrowing.live);
	buffer_fini(&narrowing.unknown);
	if (narrowing.arena)
		arena_free(narrowing.arena);
	return error;
}
