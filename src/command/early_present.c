/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is attached to a device, whose it is, and whether it still holds. What is attached tells itself of
 * which rules it is: by the number that stands for weir's tables as they were in the kernel. */
#include "command/early_private.h"
#include "extension/types.h"

#include <errno.h>
#include <string.h>

/* Nothing but what the host says. */
static const struct region_arguments plain = {.forwarding = TRUTH_UNKNOWN};
/* The same, and members of sets are counted in XDP in place of the kernel's sets. */
static const struct region_arguments counting = {.forwarding = TRUTH_UNKNOWN, .allowed = EFFECT_COUNTER};

static bool rule_hangs_on_counts(const struct rule *rule)
{
	if (rule->target.type->effects & EFFECT_COUNTER)
		return true;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (match->type == &match_set
			? match_set_reads_counters(match)
			: match->type->effects && (match->type->effects(match) & EFFECT_COUNTER))
			return true;
	}
	return false;
}

bool early_counts(const struct ruleset *ruleset)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];
			for (size_t c = 0; c < table->chain_count; c++)
				for (size_t r = 0; r < table->chains[c]->rule_count; r++)
					if (rule_hangs_on_counts(&table->chains[c]->rules[r]))
						return false;
		}
	return true;
}

struct attaching early_attaching(const char *device, const struct ruleset *ruleset,
				 const struct ruleset *within)
{
	bool counts = early_counts(ruleset) && (!within || early_counts(within));

	return (struct attaching){.interface = device,
				  .ruleset = ruleset,
				  .within = within,
				  .arguments = counts ? &counting : &plain,
				  .mode = ATTACH_AUTO,
				  .rules = META_APPLIED};
}

int early_look(const struct link *link, struct attachment *attachment, enum presence *presence)
{
	uint32_t id = link_program(link);
	int error = id ? attachment_open(id, attachment) : 0;

	*presence = id ? PRESENT_FOREIGN : PRESENT_NONE;
	if (!id || error == -ENOENT)
		return 0;
	if (error == -EPROTO || error == -EBADMSG) {
		*presence = PRESENT_UNKNOWN;
		return 0;
	}
	if (!error)
		*presence = attachment->meta.header->rules == META_LIVE ? PRESENT_LIVE : PRESENT_APPLIED;
	return error;
}

int early_find_stale(struct arena *arena, const struct attachment *attachment, const struct host *host,
		     uint64_t fingerprint, const char **of_host, const char **of_rules)
{
	struct host_problem *problems;
	size_t count;
	int error = attachment_stale(arena, &attachment->meta, host, &fingerprint, &problems, &count);

	*of_host = *of_rules = NULL;
	for (size_t i = 0; i < count && !error; i++) {
		if (strcmp(problems[i].code, "rules-changed") == 0)
			*of_rules = problems[i].text;
		else if (!*of_host)
			*of_host = problems[i].text;
	}
	return error;
}

bool early_same_facts(const struct attachment *attachment, const struct host *host)
{
	const struct meta_header *header = attachment->meta.header;

	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (header->forwarding[family] != host->forwarding[family] ||
		    header->nat[family] != host_nat(host, family))
			return false;
	/* all that were known are still there, or it would be stale */
	return header->locals.count == host->local_count;
}

int early_take_away(const char *device, int ifindex, const char *reason, struct early_report *report,
		    struct buffer *why)
{
	struct buffer words = {0};
	int error = attach_remove(ifindex, &words);

	if (error == -ENOENT)
		error = 0; /* somebody else was faster */
	if (error)
		buffer_printf(why, "%s: XDP could not be taken away: %s", device,
			      words.data ? words.data : strerror(-error));
	else
		early_tell(report, device, EARLY_DETACHED, reason);
	buffer_fini(&words);
	return error;
}

int early_attached(bool *any)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct link *links;
	size_t count = 0;
	int error = arena ? link_with_xdp(arena, &links, &count) : -ENOMEM;

	*any = false;
	for (size_t i = 0; i < count && !error && !*any; i++) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
		enum presence presence;
		error = early_look(&links[i], &attachment, &presence);
		*any = !error && presence == PRESENT_APPLIED;
	}
	return error;
}

int early_detach(struct early_report *report, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct link *links;
	size_t count = 0;
	int error = arena ? link_with_xdp(arena, &links, &count) : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
		enum presence presence;
		error = early_look(&links[i], &attachment, &presence);
		if (!error && presence == PRESENT_APPLIED)
			error = early_take_away(links[i].name, links[i].index,
						"a change of the rules was cut off", report, why);
	}
	if (error && !why->size)
		buffer_printf(why, "cannot look for XDP programs: %s", strerror(-error));
	return error;
}
