/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The proof: what was written, read by the readers that read the input, does the same as the input. */
#include "read/load.h"
#include "rewrite/plan.h"

#include <errno.h>

static const char *const text_names[] = {"rules.v4 as written", "rules.v6 as written", "ipsets as written"};

static int read_texts(struct buffer texts[3], struct diagnostics *sink, struct ruleset **ruleset)
{
	struct rules_text named[3];
	size_t count = 0;

	for (size_t i = 0; i < 3; i++) {
		if (texts[i].failed)
			return -ENOMEM;
		if (texts[i].size)
			named[count++] = (struct rules_text){text_names[i], {texts[i].data, texts[i].size}};
	}
	return rules_load_texts(named, count, sink, ruleset);
}

static void fini_texts(struct buffer texts[3])
{
	for (size_t i = 0; i < 3; i++)
		buffer_fini(&texts[i]);
}

static int read_written(const struct rewrite *rewrite, struct diagnostics *sink, struct ruleset **after)
{
	struct buffer texts[3] = {{0}};

	rewrite_print_rules(rewrite, FAMILY_IPV4, &texts[0]);
	rewrite_print_rules(rewrite, FAMILY_IPV6, &texts[1]);
	rewrite_print_sets(rewrite, &texts[2]);
	int error = read_texts(texts, sink, after);
	fini_texts(texts);
	return error;
}

static bool same_ports(const struct rule *a, const struct rule *b)
{
	struct port_bounds left, right;

	for (uint32_t i = 0; i < a->match_count && i < b->match_count; i++)
		if (match_port_bounds(&a->matches[i], &left) && match_port_bounds(&b->matches[i], &right) &&
		    (left.source_low > left.source_high) + (left.destination_low > left.destination_high) !=
			(right.source_low > right.source_high) +
			    (right.destination_low > right.destination_high))
			return false;
	return true;
}

/* Rules of the input that stay are printed as iptables-save prints them, which says nothing of `! --dport
 * 0:65535`. Comparing goes by what is printed, too, so this is looked at by itself. */
static int check_ports(const struct rewrite *rewrite, const struct ruleset *after, struct diagnostics *sink)
{
	int error = 0;

	for (size_t i = 0; i < rewrite->chain_count; i++) {
		const struct plan_chain *chain = rewrite->chains[i];
		const struct table *table = &after->tables[chain->table->family][chain->table->id];
		const struct chain *written = chain->gone ? NULL : table_find_chain(table, chain->name);
		for (size_t k = 0; written && k < chain->count && k < written->rule_count; k++) {
			const struct entry *entry = chain->entries[k];
			if (entry->kind != ENTRY_RULE || same_ports(entry->rules[0], &written->rules[k]))
				continue;
			diagnostic_add(sink, SEVERITY_ERROR, "unprintable", entry->rules[0]->span,
				       "iptables-save has no words for this rule, which asks for a port that "
				       "there is not");
			error = -EINVAL;
		}
	}
	return error;
}

int rewrite_prove(struct rewrite *rewrite, const struct difference_options *options, struct diagnostics *sink,
		  struct ruleset **after, struct difference **difference)
{
	struct ruleset *read __attribute__((cleanup(ruleset_cleanup))) = NULL;
	int error = read_written(rewrite, sink, &read);

	if (!error)
		error = check_ports(rewrite, read, sink);
	if (!error)
		error = difference_compute(rewrite->ruleset, read, options, difference);
	if (error && read)
		diagnostics_keep(sink, read->arena); /* what is in the sink may point there */
	else if (!error)
		*after = read;
	read = NULL;
	return error;
}
