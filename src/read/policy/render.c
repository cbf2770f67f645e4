/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A policy as texts: tables in the order of iptables-save, chains before rules, and for each line the
 * statement that it is of. */
#include "extension/hashlimit.h"
#include "read/policy/render_private.h"
#include "ruleset/extension_type.h"

#include <errno.h>
#include <stdlib.h>

#define TEXT_MAX (SOURCE_SIZE_MAX / 2) /* bytes of one section: what the readers take, and room to spare */

/* --- Text that knows whose it is ------------------------------------------------------------------------ */

void section_add(struct render *render, struct section *section, const char *format, ...)
{
	va_list arguments;

	if (render->too_large)
		return;
	va_start(arguments, format);
	buffer_vprintf(&section->text, format, arguments);
	va_end(arguments);
	render->failed |= section->text.failed;
	render->too_large |= section->text.size > TEXT_MAX;
}

void section_line(struct render *render, struct section *section, struct span span)
{
	if (render->too_large)
		return;
	if (section->line_count == section->line_capacity) {
		size_t capacity = section->line_capacity ? section->line_capacity * 2 : 64;
		struct policy_line *grown = reallocarray(section->lines, capacity, sizeof(*grown));
		if (!grown) {
			render->failed = true;
			return;
		}
		section->lines = grown;
		section->line_capacity = capacity;
	}
	section->lines[section->line_count++] = (struct policy_line){(uint32_t)section->text.size, span};
}

void section_fini(struct section *section)
{
	buffer_fini(&section->text);
	free(section->lines);
	*section = (struct section){0};
}

static void section_join(struct render *render, struct section *to, const struct section *from)
{
	size_t shift = to->text.size;

	for (size_t i = 0; i < from->line_count; i++) {
		section_line(render, to, from->lines[i].span);
		if (!render->failed && !render->too_large)
			to->lines[to->line_count - 1].begin = (uint32_t)(shift + from->lines[i].begin);
	}
	buffer_add(&to->text, from->text.data ? from->text.data : "", from->text.size);
	render->failed |= to->text.failed;
	render->too_large |= to->text.size > TEXT_MAX;
}

struct span render_statement_span(struct span span)
{
	const char *begin, *end;

	if (!span.source || span.end > span.source->size || span.begin > span.end)
		return span;
	begin = span.source->data + span.begin;
	end = memchr(begin, '\n', span.end - span.begin);
	if (end) {
		while (end > begin && strchr(" \t\r", end[-1]) && end[-1])
			end--;
		span.end = span.begin + (uint32_t)(end - begin);
	}
	return span;
}

/* --- What the tables' files call -------------------------------------------------------------------------
 */

void render_rule(struct render *render, enum family family, enum table_id table, struct span span,
		 const char *format, ...)
{
	struct section *rules = &render->rules[family][table];
	va_list arguments;

	if (render->too_large)
		return;
	section_line(render, rules, render_statement_span(span));
	va_start(arguments, format);
	buffer_vprintf(&rules->text, format, arguments);
	va_end(arguments);
	section_add(render, rules, "\n");
}

void render_chain(struct render *render, enum family family, enum table_id table, struct span span,
		  const char *name)
{
	section_line(render, &render->chains[family][table], render_statement_span(span));
	section_add(render, &render->chains[family][table], ":%s - [0:0]\n", name);
}

void render_refuse(struct render *render, struct span span, const char *hint, const char *format, ...)
{
	struct buffer text = {0};
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(&text, format, arguments);
	va_end(arguments);
	diagnostic_hint(diagnostic_add(render->sink, SEVERITY_ERROR, "not-in-kernel", span, "%s",
				       text.data ? text.data : "the kernel cannot do this"),
			"%s", hint);
	render->refused = true;
	buffer_fini(&text);
}

unsigned render_number(const struct render *render, const struct policy_statement *statement)
{
	return render->numbers[statement - render->tree->statements];
}

static void count_statements(struct render *render)
{
	unsigned count[STATEMENT_KINDS] = {0};

	for (size_t i = 0; i < render->tree->statement_count; i++)
		render->numbers[i] = ++count[render->tree->statements[i].kind];
}

/* --- Tables ----------------------------------------------------------------------------------------------
 */

static struct span default_span(const struct policy_tree *tree, enum hook hook)
{
	enum policy_direction direction = hook == HOOK_INPUT     ? DIRECTION_IN
					  : hook == HOOK_FORWARD ? DIRECTION_FORWARD
								 : DIRECTION_OUT;
	const struct policy_default *standing = &tree->defaults[direction];

	return render_statement_span(standing->span);
}

static bool default_drops(const struct policy_tree *tree, enum table_id table, enum hook hook)
{
	if (table != TABLE_FILTER)
		return false;
	return tree->defaults[hook == HOOK_INPUT     ? DIRECTION_IN
			      : hook == HOOK_FORWARD ? DIRECTION_FORWARD
						     : DIRECTION_OUT]
		   .verdict != VERDICT_ACCEPT;
}

static void put_table(struct render *render, enum family family, enum table_id table, struct section *out)
{
	section_line(render, out, (struct span){0});
	section_add(render, out, "*%s\n", table_names[table]);
	for (int hook = 0; hook < HOOK_COUNT; hook++)
		if (table_has_hook(table, (enum hook)hook)) {
			section_line(render, out,
				     table == TABLE_FILTER ? default_span(render->tree, (enum hook)hook)
							   : (struct span){0});
			section_add(render, out, ":%s %s [0:0]\n", hook_names[hook],
				    default_drops(render->tree, table, (enum hook)hook) ? "DROP" : "ACCEPT");
		}
	section_join(render, out, &render->chains[family][table]);
	section_join(render, out, &render->rules[family][table]);
	section_add(render, out, "COMMIT\n");
}

static void put_tables(struct render *render, enum family family, struct section *out)
{
	static const enum table_id order[] = {TABLE_RAW, TABLE_MANGLE, TABLE_NAT, TABLE_FILTER};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (order[i] == TABLE_FILTER || render->rules[family][order[i]].line_count)
			put_table(render, family, order[i], out);
}

/* Takes the section's text over into the arena. */
static void finish(struct render *render, struct section *section, const char *what, struct policy_text *text)
{
	char *name = arena_printf(render->arena, "%s, %s", render->tree->main->name, what);
	char *data =
	    arena_copy(render->arena, section->text.data ? section->text.data : "", section->text.size);

	text->lines = arena_array(render->arena, section->line_count, sizeof(*text->lines));
	render->failed |= section->text.failed || !name || !data || !text->lines;
	if (render->failed || render->too_large)
		return;
	if (section->line_count)
		memcpy(text->lines, section->lines, section->line_count * sizeof(*text->lines));
	text->line_count = section->line_count;
	text->source = source_new(render->arena, name, data, section->text.size);
	render->failed |= !text->source;
}

static void render_family(struct render *render, enum family family, struct policy_rendering *rendering)
{
	static const char *const names[FAMILY_COUNT] = {"as IPv4 rules", "as IPv6 rules"};
	struct section whole = {0}, tail = {0};

	render_raw(render, family);
	render_mirrors(render, family);
	render_balances(render, family);
	render_filter(render, family);
	put_tables(render, family, &whole);
	finish(render, &whole, names[family], &rendering->rules[family]);
	if (render->tail[family].line_count) {
		section_add(render, &tail, "*filter\n");
		section_join(render, &tail, &render->tail[family]);
		section_add(render, &tail, "COMMIT\n");
		finish(render, &tail, names[family], &rendering->tail[family]);
	}
	section_fini(&whole);
	section_fini(&tail);
}

int policy_render(struct arena *arena, const struct policy_tree *tree,
		  const struct policy_render_options *options, struct diagnostics *sink,
		  struct policy_rendering **rendering)
{
	struct policy_rendering *fresh = arena_alloc(arena, sizeof(*fresh));
	struct render render = {.arena = arena, .tree = tree, .options = options, .sink = sink};

	render.set_used = arena_array(arena, tree->set_count + 1, sizeof(*render.set_used));
	render.numbers = arena_array(arena, tree->statement_count + 1, sizeof(*render.numbers));
	if (!fresh || !render.set_used || !render.numbers)
		return -ENOMEM;
	count_statements(&render);
	fresh->tree = tree;
	for (int family = 0; family < FAMILY_COUNT; family++)
		render_family(&render, (enum family)family, fresh);
	render_sets(&render);
	if (!render.refused)
		finish(&render, &render.sets, "as sets", &fresh->sets);
	for (int family = 0; family < FAMILY_COUNT; family++) {
		section_fini(&render.tail[family]);
		for (int table = 0; table < TABLE_COUNT; table++) {
			section_fini(&render.chains[family][table]);
			section_fini(&render.rules[family][table]);
		}
	}
	section_fini(&render.sets);
	if (render.failed)
		return -ENOMEM;
	if (render.too_large)
		render_refuse(&render, (struct span){tree->main, 0, 0},
			      "many addresses belong into sets, many "
			      "members into nets",
			      "the policy becomes too many rules or members");
	if (render.refused)
		return -EINVAL;
	*rendering = fresh;
	return 0;
}

/* --- Places ----------------------------------------------------------------------------------------------
 */

static const struct policy_line *find_line(const struct policy_text *text, uint32_t offset)
{
	size_t low = 0, high = text->line_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (text->lines[middle].begin <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &text->lines[low - 1] : NULL;
}

static void place(const struct policy_text *text, struct span *span)
{
	const struct policy_line *line;

	if (!text->source || span->source != text->source)
		return;
	line = find_line(text, span->begin);
	if (line && line->span.source)
		*span = line->span;
}

/* limit, but for synproxy, which drops nothing. */
static void mark_limit(struct rule *rule)
{
	struct text name;

	for (uint32_t i = 0; i < rule->match_count; i++)
		if (rule->chain->table->id == TABLE_RAW && rule->target.type->kind == TARGET_DROP &&
		    hashlimit_of(&rule->matches[i], &name) && text_starts(name, POLICY_LIMIT_NAME))
			rule->policy_limit = true;
}

void policy_mark_limits(struct ruleset *ruleset)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct table *raw = &ruleset->tables[family][TABLE_RAW];
		for (size_t i = 0; i < raw->chain_count; i++)
			for (size_t j = 0; j < raw->chains[i]->rule_count; j++)
				mark_limit(&raw->chains[i]->rules[j]);
	}
}

/* A rule of a file stands there as iptables has it; a statement does not begin so. */
static bool takes_name(const struct rule *rule, struct diagnostics *sink)
{
	struct text name, text = rule->span.source ? span_text(rule->span) : (struct text){0};

	for (uint32_t i = 0; i < rule->match_count && text.size && text.data[0] == '-'; i++)
		if (hashlimit_of(&rule->matches[i], &name) && text_starts(name, POLICY_LIMIT_NAME)) {
			diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "name-of-weir",
						       rule->matches[i].span,
						       "limits of that name are those of the policy"),
					"give it a name that does not begin with " POLICY_LIMIT_NAME);
			return true;
		}
	return false;
}

int policy_limits_check(const struct ruleset *ruleset, struct diagnostics *sink)
{
	bool wrong = false;

	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];
			for (size_t i = 0; i < table->chain_count; i++)
				for (size_t k = 0; k < table->chains[i]->rule_count; k++)
					wrong |= takes_name(&table->chains[i]->rules[k], sink);
		}
	return wrong ? -EINVAL : 0;
}

static void place_rule(const struct policy_text *text, struct rule *rule)
{
	if (text->source && rule->span.source == text->source)
		mark_limit(rule);
	place(text, &rule->span);
	place(text, &rule->target.span);
	for (uint32_t i = 0; i < rule->match_count; i++)
		place(text, &rule->matches[i].span);
}

static void place_table(const struct policy_text *text, struct table *table)
{
	for (size_t i = 0; i < table->chain_count; i++) {
		struct chain *chain = table->chains[i];
		place(text, &chain->span);
		for (size_t j = 0; j < chain->rule_count; j++)
			place_rule(text, &chain->rules[j]);
	}
}

/* A set has one source: where all its members stand in one file it is that, else the text of the sets. */
static const struct source *members_source(const struct policy_rendering *rendering, const struct set *set)
{
	const struct source *source = NULL;

	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		const struct policy_line *line = find_line(&rendering->sets, member.begin);
		if (!line || !line->span.source || (source && source != line->span.source))
			return NULL;
		source = line->span.source;
	}
	return source;
}

static void place_set(const struct policy_rendering *rendering, struct set *set)
{
	if (set->source != rendering->sets.source)
		return;
	const struct source *source = members_source(rendering, set);
	for (size_t i = 0; i < set->member_count && source; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		member.begin = find_line(&rendering->sets, member.begin)->span.begin;
		set_member_put(set, i, &member);
	}
	if (source)
		set->source = source;
	place(&rendering->sets, &set->span);
}

void policy_rendering_place(const struct policy_rendering *rendering, struct ruleset *ruleset)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int table = 0; table < TABLE_COUNT; table++) {
			place_table(&rendering->rules[family], &ruleset->tables[family][table]);
			place_table(&rendering->tail[family], &ruleset->tables[family][table]);
		}
	for (size_t i = 0; i < ruleset->set_count; i++)
		place_set(rendering, ruleset->sets[i]);
}
