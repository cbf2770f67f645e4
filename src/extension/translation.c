/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "extension/translation.h"

#include "extension/extension.h"

#include <string.h>

const char *const translation_codes[TRANSLATION_GAPS] = {
    [GAP_AUTHENTICATION] = "nft-authentication-header",
    [GAP_ZERO_ADDRESS] = "nft-zero-address",
    [GAP_FULL_TABLE] = "nft-full-table",
    [GAP_INTERFACE_NAME] = "nft-interface-name",
};

/* It asks for a protocol, or for a port of one. */
static bool looks_behind_authentication(const struct rule *rule)
{
	if (rule->chain->table->family != FAMILY_IPV6)
		return false;
	if (rule->protocol)
		return true;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		struct set_question question;
		if (!match_set_question(&rule->matches[i], &question))
			continue;
		for (unsigned k = 0; k < question.set->dimensions; k++) {
			enum set_part part = set_types[question.set->type].parts[k];
			if (part == SET_PART_PORT || part == SET_PART_BARE_PORT)
				return true;
		}
	}
	return false;
}

static bool fills_with_addresses(const struct rule *rule)
{
	struct set_uses uses;
	return target_set_uses(&rule->target, &uses) && uses.added && uses.added->type == SET_HASH_IP;
}

/* Of one bucket for all there is always a place. */
static bool has_table(const struct rule *rule)
{
	bool found = false;
	for (uint32_t i = 0; i < rule->match_count && !found; i++) {
		struct buffer text = {0};
		if (strcmp(rule->matches[i].type->name, "hashlimit") != 0)
			continue;
		rule->matches[i].type->print(&rule->matches[i], rule, &text);
		found = text.data && strstr(text.data, "--hashlimit-mode");
		buffer_fini(&text);
	}
	return found;
}

static bool names_interface(const struct rule *rule)
{
	struct buffer text = {0};
	if (!rule->target.type->name || strcmp(rule->target.type->name, "TEE") != 0 ||
	    !rule->target.type->print)
		return false;
	rule->target.type->print(&rule->target, rule, &text);
	bool found = text.data && strstr(text.data, "--oif");
	buffer_fini(&text);
	return found;
}

void translation_gaps(const struct ruleset *ruleset, translation_visit visit, void *context)
{
	static bool (*const has[TRANSLATION_GAPS])(const struct rule *rule) = {
	    [GAP_AUTHENTICATION] = looks_behind_authentication,
	    [GAP_ZERO_ADDRESS] = fills_with_addresses,
	    [GAP_FULL_TABLE] = has_table,
	    [GAP_INTERFACE_NAME] = names_interface,
	};
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];
			for (size_t i = 0; i < table->chain_count; i++)
				for (size_t k = 0; k < table->chains[i]->rule_count; k++)
					for (int gap = 0; gap < TRANSLATION_GAPS; gap++)
						if (has[gap](&table->chains[i]->rules[k]))
							visit(context, (enum translation_gap)gap,
							      &table->chains[i]->rules[k]);
		}
}
