/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Links the chains of one table: jumps to chains that stood further down, loops, depth and order. */
#include "read/names.h"
#include "read/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct chain *nearest_chain(const struct table *table, struct text name)
{
	for (size_t i = 0; i < table->chain_count && i < 1000; i++) {
		const struct chain *chain = table->chains[i];
		char copy[64] = "";
		if (chain->builtin || chain->name.size >= sizeof(copy))
			continue;
		memcpy(copy, chain->name.data, chain->name.size);
		const char *candidate = copy;
		if (nearest_name(name, &candidate, 1))
			return chain;
	}
	return NULL;
}

static void jump_to_nowhere(struct rule_reader *reader, const struct word *word, bool is_goto)
{
	struct text name = word->text;
	struct diagnostic *error =
	    diagnostic_add(reader->parser.sink, SEVERITY_ERROR, "jump-to-nowhere", word->span,
			   is_goto ? "there is no chain `%.*s' in this table"
				   : "`%.*s' is neither a chain of this table nor a target",
			   (int)name.size, name.data);
	if (!error)
		return; /* one of too many: no hint is looked for */
	const struct chain *chain = nearest_chain(reader->table, name);
	const char *target = is_goto ? NULL : nearest_target(name, reader->table->family);
	bool other =
	    target_name_known(name, reader->table->family) == NAME_UNKNOWN &&
	    target_name_known(name, reader->table->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4) !=
		NAME_UNKNOWN;
	if (other)
		diagnostic_hint(error, "this target is for the other address family");
	else if (target)
		diagnostic_hint(error, "did you mean %s?", target);
	else if (chain)
		diagnostic_hint(error, "did you mean %.*s?", (int)chain->name.size, chain->name.data);
	else
		diagnostic_hint(error, "declare a chain with a line \":%.*s - [0:0]\"", (int)name.size,
				name.data);
}

int chains_resolve(struct rule_reader *reader)
{
	for (size_t i = 0; i < reader->pending_count; i++) {
		const struct pending_jump *pending = &reader->pending[i];
		struct rule *rule = &pending->chain->rules[pending->rule];
		struct chain *chain = table_find_chain(reader->table, pending->word.text);
		if (!chain)
			jump_to_nowhere(reader, &pending->word, rule->target.is_goto);
		else if (chain->builtin)
			diagnostic_hint(diagnostic_add(reader->parser.sink, SEVERITY_ERROR, "jump-to-builtin",
						       pending->word.span, "`%.*s' is a built-in chain",
						       (int)chain->name.size, chain->name.data),
					"rules can jump to user chains only");
		else
			rule->target.chain = chain;
	}
	reader->pending_count = 0;
	return 0;
}

/* Depth-first search without recursion. order is UINT32_MAX for a chain not seen, VISITING while it is on the
 * stack. */
#define UNSEEN UINT32_MAX
#define VISITING (UINT32_MAX - 1)

struct visit {
	struct chain *chain;
	size_t next; /* rule */
};

struct search {
	struct diagnostics *sink;
	struct table *table;
	struct visit *stack;
	size_t height;
	uint32_t done;
	size_t loops;
	bool failed;
};

static void say_loop(struct search *search, const struct rule *rule)
{
	size_t from = search->height - 1;
	while (search->stack[from].chain != rule->target.chain)
		from--;
	struct buffer cycle = {0};
	size_t length = search->height - from;
	for (size_t i = from; i < search->height; i++) {
		struct text name = search->stack[i].chain->name;
		if (i - from >= 8 && i + 1 < search->height) {
			if (i - from == 8)
				buffer_printf(&cycle, "... (%zu more) -> ", length - 9);
			continue;
		}
		buffer_printf(&cycle, "%.*s -> ", (int)name.size, name.data);
	}
	buffer_printf(&cycle, "%.*s", (int)rule->target.chain->name.size, rule->target.chain->name.data);
	struct diagnostic *error =
	    diagnostic_add(search->sink, SEVERITY_ERROR, "loop", rule->span, "this jump closes a loop: %s",
			   cycle.data ? cycle.data : "");
	for (size_t i = from; i + 1 < search->height && i - from < 8; i++) {
		const struct visit *visit = &search->stack[i];
		diagnostic_label(error, visit->chain->rules[visit->next - 1].span, "on the way from %.*s",
				 (int)visit->chain->name.size, visit->chain->name.data);
	}
	diagnostic_hint(error, "the kernel refuses rules that can come back to their own chain");
	buffer_fini(&cycle);
}

static void push(struct search *search, struct chain *chain)
{
	chain->order = VISITING;
	chain->depth = 0;
	search->stack[search->height++] = (struct visit){chain, 0};
}

static void pop(struct search *search)
{
	struct chain *chain = search->stack[--search->height].chain;
	chain->order = search->done;
	search->table->ordered[search->done++] = chain;
	if (search->height) {
		struct chain *caller = search->stack[search->height - 1].chain;
		if (caller->depth < chain->depth + 1)
			caller->depth = chain->depth + 1;
	}
}

static void search_from(struct search *search, struct chain *start)
{
	push(search, start);
	while (search->height) {
		struct visit *visit = &search->stack[search->height - 1];
		if (visit->next == visit->chain->rule_count) {
			pop(search);
			continue;
		}
		const struct rule *rule = &visit->chain->rules[visit->next++];
		struct chain *callee = rule->target.chain;
		if (!callee)
			continue;
		if (callee->order == UNSEEN) {
			push(search, callee);
		} else if (callee->order == VISITING) {
			search->failed = true;
			if (search->loops++ < DIAGNOSTICS_MAX) /* saying it takes as long as the loop is */
				say_loop(search, rule);
		} else if (visit->chain->depth < callee->depth + 1) {
			visit->chain->depth = callee->depth + 1;
		}
	}
}

static void refuse_hook(struct diagnostics *sink, const struct rule *rule, struct span span, const char *name,
			unsigned hooks)
{
	struct buffer allowed = {0};

	for (int hook = 0; hook < HOOK_COUNT; hook++)
		if (hooks >> hook & 1)
			buffer_printf(&allowed, "%s%s", allowed.size ? ", " : "", hook_names[hook]);
	diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "wrong-hook", span.source ? span : rule->span,
				       "%s cannot be used here", name),
			"the kernel takes it in chains that are reached from %s alone",
			allowed.data ? allowed.data : "none");
	buffer_fini(&allowed);
}

/* xt_check_match() and xt_check_target(): what a rule may hold hangs on the hooks from which it is reached.
 */
static void check_hooks(struct diagnostics *sink, const struct rule *rule, unsigned reached)
{
	const struct target *target = &rule->target;

	if (target->type->hooks && reached & ~target->type->hooks)
		refuse_hook(sink, rule, target->span, target->type->name, target->type->hooks);
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		unsigned hooks = match->type->hooks_of ? match->type->hooks_of(match) : match->type->hooks;
		if (hooks && reached & ~hooks)
			refuse_hook(sink, rule, match->span, match->type->name, hooks);
	}
}

/* Callers come before what they call. */
static void find_reached(struct diagnostics *sink, struct table *table)
{
	for (size_t i = 0; i < table->chain_count; i++)
		table->ordered[i]->reached = table->ordered[i]->builtin ? 1u << table->ordered[i]->hook : 0;
	for (size_t i = table->chain_count; i-- > 0;) {
		struct chain *chain = table->ordered[i];
		for (size_t k = 0; k < chain->rule_count; k++) {
			const struct rule *rule = &chain->rules[k];
			if (rule->target.chain)
				rule->target.chain->reached |= chain->reached;
			table->changes |= rule->target.type->kind == TARGET_CHANGE;
			for (uint32_t m = 0; m < rule->match_count; m++)
				table->changes |= rule->matches[m].type->changes;
			check_hooks(sink, rule, chain->reached);
		}
	}
}

int chains_order(struct arena *arena, struct diagnostics *sink, struct table *table)
{
	struct search search = {.sink = sink, .table = table};
	search.stack = calloc(table->chain_count + 1, sizeof(*search.stack));
	table->ordered = arena_array(arena, table->chain_count, sizeof(*table->ordered));
	if (!search.stack || !table->ordered) {
		free(search.stack);
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->chain_count; i++)
		table->chains[i]->order = UNSEEN;
	for (size_t i = 0; i < table->chain_count; i++)
		if (table->chains[i]->order == UNSEEN)
			search_from(&search, table->chains[i]);
	free(search.stack);
	for (size_t i = 0; i < table->chain_count && !search.failed; i++) {
		struct chain *chain = table->chains[i];
		if (chain->depth <= CHAIN_DEPTH_MAX)
			continue;
		diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "too-deep", chain->span,
					       "jumps from %.*s go %u chains deep", (int)chain->name.size,
					       chain->name.data, chain->depth),
				"weir follows up to %d", CHAIN_DEPTH_MAX);
		break;
	}
	if (!search.failed)
		find_reached(sink, table);
	return 0;
}
