/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is loaded in this network namespace, by asking the programs that print it; of weir's own tables in
 * nftables the caller has asked already. */
#include "read/load.h"
#include "read/nft_read.h"
#include "read/program.h"
#include "read/reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LEGACY, NFT, FLAVOURS };

static const char *const programs[FAMILY_COUNT][FLAVOURS] = {
    {"iptables-legacy-save", "iptables-nft-save"},
    {"ip6tables-legacy-save", "ip6tables-nft-save"},
};

struct dump {
	bool missing;
	struct source *source;               /* NULL when missing */
	unsigned holds;                      /* tables with rules, 1 << enum table_id */
	struct span first_rule[TABLE_COUNT]; /* of each of them */
};

static int program_failed(struct diagnostics *sink, const char *name, int error,
			  const struct program_result *result)
{
	struct text said = {result->errors.data, result->errors.size};
	while (said.size && (said.data[said.size - 1] == '\n' || said.data[said.size - 1] == ' '))
		said.size--;
	struct diagnostic *diagnostic =
	    error < 0 ? diagnostic_add(sink, SEVERITY_ERROR, "program-failed", (struct span){0}, "%s: %s",
				       name, strerror(-error))
		      : diagnostic_add(sink, SEVERITY_ERROR, "program-failed", (struct span){0},
				       "%s ended with status %d: %.*s", name, result->status, (int)said.size,
				       said.size ? said.data : "");
	if (geteuid() != 0)
		diagnostic_hint(diagnostic, "reading the rules that are loaded needs root");
	else
		diagnostic_hint(diagnostic, "run it by hand to see more");
	return error < 0 ? error : geteuid() != 0 ? -EPERM : -EIO;
}

static int dump_source(struct arena *arena, const char *name, const struct buffer *output, struct dump *dump)
{
	char *data = arena_copy(arena, output->data, output->size);
	char *source_name = arena_printf(arena, "live:%s", name);
	if (!data || !source_name)
		return -ENOMEM;
	dump->source = source_new(arena, source_name, data, output->size);
	return dump->source ? 0 : -ENOMEM;
}

/* iptables-nft on a kernel without nftables: there are none of its rules then. */
static bool kernel_has_none(const struct program_result *result)
{
	return result->errors.data &&
	       strstr(result->errors.data, "Failed to initialize nft: Protocol not supported");
}

static int dump_read(struct arena *arena, struct diagnostics *sink, const char *const *arguments,
		     const char *name, struct dump *dump)
{
	struct program_result result;
	int status = program_run(arguments, SOURCE_SIZE_MAX, &result);
	if (status == -ENOENT) {
		dump->missing = true;
		status = 0;
	} else if (status == 0 && result.status != 0 && kernel_has_none(&result)) {
		status = dump_source(arena, name, &(struct buffer){0}, dump);
	} else if (status < 0 || result.status != 0) {
		status = program_failed(sink, name, status, &result);
	} else {
		status = dump_source(arena, name, &result.output, dump);
	}
	program_result_fini(&result);
	return status;
}

static int table_of(struct text name)
{
	int id = 0;
	while (id < TABLE_COUNT && !text_is(name, table_names[id]))
		id++;
	return id;
}

/* "# Table `nat' is incompatible, use 'nft' tool.": it has rules that cannot be printed. */
static int hidden_table(struct text line)
{
	const char *begin = text_find(line, '`'), *end = text_find(line, '\'');
	if (!begin || !end || end < begin)
		return TABLE_COUNT;
	return table_of((struct text){begin + 1, (size_t)(end - begin) - 1});
}

/* Tables with a rule, or a policy of DROP: something that judges packets. */
static void dump_find_rules(struct dump *dump)
{
	if (!dump->source)
		return;
	struct line_reader lines = {.source = dump->source};
	int table = TABLE_COUNT;
	while (line_reader_next(&lines)) {
		struct text text = span_text(lines.line);
		bool rule = text_starts(text, "-A ") || text_starts(text, "[");
		bool policy = text_starts(text, ":") && memmem(text.data, text.size, " DROP ", 6);
		bool hidden = text_starts(text, "# Table `");
		if (text_starts(text, "*"))
			table = table_of((struct text){text.data + 1, text.size - 1});
		int id = hidden ? hidden_table(text) : table;
		if ((!rule && !policy && !hidden) || id == TABLE_COUNT || dump->holds >> id & 1)
			continue;
		dump->holds |= 1u << id;
		dump->first_rule[id] = lines.line;
	}
}

static int refuse_both(struct diagnostics *sink, const struct dump dumps[FLAVOURS], unsigned both)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		if (!(both >> id & 1))
			continue;
		struct diagnostic *error = diagnostic_add(
		    sink, SEVERITY_ERROR, "mixed-flavours", dumps[NFT].first_rule[id],
		    "iptables-legacy and iptables-nft both hold rules in table %s", table_names[id]);
		diagnostic_label(error, dumps[LEGACY].first_rule[id], "a rule of iptables-legacy");
		diagnostic_hint(
		    error, "each packet meets both, in the order in which they were registered, which the "
			   "kernel does not tell; move the rules to one: iptables-legacy-save | "
			   "iptables-nft-restore -n, then flush the legacy table. `weir print --live' "
			   "shows both");
	}
	return -EINVAL;
}

/* In the words of iptables-nft-save. */
static void warn_of_both(struct diagnostics *sink, const struct dump dumps[FLAVOURS], enum family family)
{
	const char *name = family == FAMILY_IPV4 ? "iptables" : "ip6tables";
	int id = 0;
	while (!(dumps[LEGACY].holds >> id & 1))
		id++;
	diagnostic_hint(diagnostic_add(sink, SEVERITY_WARNING, "both-flavours", dumps[LEGACY].first_rule[id],
				       "%s-legacy tables present, use %s-legacy-save to see them", name,
				       name),
			"%s-nft holds rules, too: each packet meets both", name);
}

/* `needed`: there is nothing else to be read. */
static int dumps_read(struct arena *arena, struct diagnostics *sink, enum family family, bool needed,
		      struct dump dumps[FLAVOURS])
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		const char *arguments[] = {programs[family][flavour], "-c", NULL};
		int result = dump_read(arena, sink, arguments, programs[family][flavour], &dumps[flavour]);
		if (result < 0)
			return result;
		dump_find_rules(&dumps[flavour]);
	}
	if (!dumps[LEGACY].missing || !dumps[NFT].missing || !needed)
		return 0;
	diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "program-missing", (struct span){0},
				       "neither %s nor %s is installed", programs[family][LEGACY],
				       programs[family][NFT]),
			"on Debian both come with the package iptables");
	return -ENOENT;
}

/* What is read, and into what. */
struct live {
	struct diagnostics *sink;
	const struct live_request *request;
	struct live_rules rules;
	struct dump dumps[FAMILY_COUNT][FLAVOURS];
	struct dump applied[FAMILY_COUNT]; /* weir's own tables, to be read with the others */
};

static int read_sets(struct ruleset *ruleset, struct diagnostics *sink)
{
	static const char *const arguments[] = {"ipset", "save", NULL};
	struct dump dump = {0};
	int result = dump_read(ruleset->arena, sink, arguments, "ipset save", &dump);
	if (result < 0 || dump.missing)
		return result;
	return ipset_save_read(ruleset, sink, dump.source);
}

/* Where iptables has no rule none looks them up. */
static int note_sets(struct ruleset *ruleset, struct diagnostics *sink)
{
	static const char *const arguments[] = {"ipset", "list", "-n", NULL};
	struct dump dump = {0};
	int result = dump_read(ruleset->arena, sink, arguments, "ipset list", &dump);
	if (result == 0 && !dump.missing && dump.source->size)
		diagnostic_add(sink, SEVERITY_NOTE, "sets-unused", (struct span){0},
			       "there are sets of ipset, too, which no rule looks up: they are not read");
	return result;
}

/* The sources of a ruleset live as long as it does. */
static int read_beside(struct live *live, const struct dump *dump, enum family family)
{
	struct buffer text = {(char *)dump->source->data, dump->source->size, 0, false};
	struct ruleset **beside = &live->rules.beside;
	struct dump copy = {0};
	int result = 0;
	if (!*beside) {
		*beside = ruleset_new();
		result = *beside ? read_sets(*beside, live->sink) : -ENOMEM;
	}
	if (result == 0)
		result = dump_source((*beside)->arena, programs[family][NFT], &text, &copy);
	return result ? result : iptables_save_read(*beside, live->sink, copy.source, family);
}

/* --- weir's own tables */

static const char *const applied_names[FAMILY_COUNT] = {"nftables, table ip weir",
							"nftables, table ip6 weir"};

/* Their sets go into the ruleset, their tables are kept as the text of iptables-save. */
static int read_applied(struct ruleset *ruleset, struct diagnostics *sink, struct text json,
			const struct ruleset *beside, struct dump applied[FAMILY_COUNT])
{
	const struct nft_choice own = {.table = LIVE_TABLE, .as_written = true, .beside = beside};
	struct nft_texts texts = {0};
	struct dump sets = {0};
	int result = nft_read_json(json, "weir's tables in nftables", &own, sink, &texts);
	if (result == 0 && texts.sets.size) {
		result = dump_source(ruleset->arena, "nftables, sets of weir's tables", &texts.sets, &sets);
		if (result == 0)
			result = ipset_save_read(ruleset, sink, sets.source);
	}
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++) {
		if (!texts.rules[family].size)
			continue;
		result = dump_source(ruleset->arena, applied_names[family], &texts.rules[family],
				     &applied[family]);
		dump_find_rules(&applied[family]);
	}
	nft_texts_fini(&texts);
	return result;
}

/* -EINVAL: the same table is there twice, which cannot be told as one ruleset. */
static int check_applied(struct live *live, enum family family, bool *beside)
{
	const struct dump *applied = &live->applied[family], *dumps = live->dumps[family];
	struct diagnostic *said = NULL;
	*beside = false;
	for (int id = 0; id < TABLE_COUNT; id++)
		for (int flavour = 0; flavour < FLAVOURS; flavour++) {
			const struct dump *other = &dumps[flavour];
			*beside |= applied->holds && other->holds;
			if (!(applied->holds & other->holds & 1u << id))
				continue;
			said = diagnostic_add(live->sink, SEVERITY_ERROR, "mixed-flavours",
					      applied->first_rule[id],
					      "weir's tables in nftables and %s both hold rules in table %s",
					      programs[family][flavour], table_names[id]);
			diagnostic_label(said, other->first_rule[id], "a rule of iptables");
			diagnostic_hint(
			    said,
			    "each packet meets both, in the order in which they were registered, which the "
			    "kernel does not tell. `weir print --live' shows both; a policy takes rules of "
			    "iptables in by \"rules FILE\"");
		}
	return said ? -EINVAL : 0;
}

static void warn_of_applied(struct live *live, enum family family)
{
	const struct dump *dumps = live->dumps[family];
	const struct dump *other = dumps[LEGACY].holds ? &dumps[LEGACY] : &dumps[NFT];
	int id = 0;
	while (!(other->holds >> id & 1))
		id++;
	diagnostic_add(live->sink, SEVERITY_WARNING, "applied-beside", other->first_rule[id],
		       "%s holds rules beside weir's tables in nftables (weir apply): each packet meets both",
		       family == FAMILY_IPV4 ? "iptables" : "ip6tables");
}

/* To be shown by themselves. */
static int read_applied_apart(struct live *live)
{
	struct dump applied[FAMILY_COUNT] = {0};
	struct ruleset *ruleset = live->rules.applied = ruleset_new();
	int result =
	    ruleset ? read_applied(ruleset, live->sink, live->request->applied, NULL, applied) : -ENOMEM;
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++) {
		if (!applied[family].source)
			continue;
		if (live->dumps[family][LEGACY].holds | live->dumps[family][NFT].holds)
			warn_of_applied(live, (enum family)family);
		result = iptables_save_read(ruleset, live->sink, applied[family].source, (enum family)family);
	}
	return result;
}

/* --- Both */

static int read_family(struct live *live, enum family family)
{
	const struct dump *legacy = &live->dumps[family][LEGACY], *nft = &live->dumps[family][NFT];
	struct ruleset *ruleset = live->rules.ruleset;
	struct diagnostics *sink = live->sink;
	int result;
	if (!legacy->holds || !nft->holds) {
		bool has_legacy = legacy->source && legacy->source->size;
		const struct dump *one = nft->source && (nft->holds || !has_legacy) ? nft : legacy;
		return one->source ? iptables_save_read(ruleset, sink, one->source, family) : 0;
	}
	if (legacy->holds & nft->holds && !live->request->apart)
		return refuse_both(sink, live->dumps[family], legacy->holds & nft->holds);
	warn_of_both(sink, live->dumps[family], family);
	if (!(legacy->holds & nft->holds)) {
		result = iptables_save_read_tables(ruleset, sink, legacy->source, family, legacy->holds);
		return result ? result
			      : iptables_save_read_tables(ruleset, sink, nft->source, family, nft->holds);
	}
	result = iptables_save_read(ruleset, sink, legacy->source, family);
	return result ? result : read_beside(live, nft, family);
}

/* With weir's tables, as one ruleset. */
static int read_family_applied(struct live *live, enum family family)
{
	const struct dump *dumps = live->dumps[family], *applied = &live->applied[family];
	const struct dump *const all[] = {&dumps[LEGACY], &dumps[NFT], applied};
	bool beside;
	int result = check_applied(live, family, &beside);
	if (result < 0 || (!beside && !applied->holds))
		return result ? result : read_family(live, family);
	if (!beside)
		return iptables_save_read(live->rules.ruleset, live->sink, applied->source, family);
	warn_of_applied(live, family);
	unsigned both = dumps[LEGACY].holds & dumps[NFT].holds;
	if (both)
		return refuse_both(live->sink, dumps, both);
	if (dumps[LEGACY].holds && dumps[NFT].holds)
		warn_of_both(live->sink, dumps, family);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all) && result == 0; i++)
		if (all[i]->holds)
			result = iptables_save_read_tables(live->rules.ruleset, live->sink, all[i]->source,
							   family, all[i]->holds);
	return result;
}

/* Nothing else judges packets: they are the rules. */
static int read_applied_alone(struct live *live)
{
	struct ruleset *ruleset = live->rules.ruleset;
	int result = note_sets(ruleset, live->sink);
	if (result == 0)
		result = read_applied(ruleset, live->sink, live->request->applied, NULL, live->applied);
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
		if (live->applied[family].source)
			result = iptables_save_read(ruleset, live->sink, live->applied[family].source,
						    (enum family)family);
	return result;
}

static int read_all(struct live *live)
{
	struct ruleset *ruleset = live->rules.ruleset;
	bool applied = live->request->applied.size > 0, apart = live->request->apart;
	unsigned holds = 0;
	int result = 0;
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++) {
		result = dumps_read(ruleset->arena, live->sink, (enum family)family, !applied,
				    live->dumps[family]);
		holds |= live->dumps[family][LEGACY].holds | live->dumps[family][NFT].holds;
	}
	if (result == 0 && applied && !holds)
		return read_applied_alone(live);
	if (result == 0)
		result = read_sets(ruleset, live->sink);
	if (result == 0 && applied && !apart)
		result = read_applied(ruleset, live->sink, live->request->applied, ruleset, live->applied);
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
		result = (applied && !apart ? read_family_applied : read_family)(live, (enum family)family);
	return result == 0 && applied && apart ? read_applied_apart(live) : result;
}

void live_rules_fini(struct live_rules *rules)
{
	struct ruleset *list[] = {rules->ruleset, rules->beside, rules->applied};
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		ruleset_free(list[i]);
	*rules = (struct live_rules){0};
}

int rules_load_live_request(struct diagnostics *sink, const struct live_request *request,
			    struct live_rules *rules)
{
	struct live live = {.sink = sink, .request = request, .rules = {.ruleset = ruleset_new()}};
	struct ruleset *list[] = {live.rules.ruleset, NULL, NULL};
	size_t errors = diagnostics_errors(sink);
	int result = live.rules.ruleset ? read_all(&live) : -ENOMEM;
	if (result == 0 && diagnostics_errors(sink) > errors)
		result = -EINVAL;
	if (result == 0) {
		*rules = live.rules;
		return 0;
	}
	/* with the sources that the messages show */
	list[1] = live.rules.beside;
	list[2] = live.rules.applied;
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i])
			diagnostics_keep(sink, list[i]->arena);
	return result;
}

int rules_load_live(struct diagnostics *sink, struct ruleset **ruleset)
{
	static const struct live_request iptables_alone = {0};
	struct live_rules rules;
	int result = rules_load_live_request(sink, &iptables_alone, &rules);
	if (result == 0)
		*ruleset = rules.ruleset;
	return result;
}
