/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is loaded in this network namespace, by asking the programs that print it. */
#include "read/load.h"
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

static int dumps_read(struct arena *arena, struct diagnostics *sink, enum family family,
		      struct dump dumps[FLAVOURS])
{
	for (int flavour = 0; flavour < FLAVOURS; flavour++) {
		const char *arguments[] = {programs[family][flavour], "-c", NULL};
		int result = dump_read(arena, sink, arguments, programs[family][flavour], &dumps[flavour]);
		if (result < 0)
			return result;
		dump_find_rules(&dumps[flavour]);
	}
	if (!dumps[LEGACY].missing || !dumps[NFT].missing)
		return 0;
	diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "program-missing", (struct span){0},
				       "neither %s nor %s is installed", programs[family][LEGACY],
				       programs[family][NFT]),
			"on Debian both come with the package iptables");
	return -ENOENT;
}

static int read_sets(struct ruleset *ruleset, struct diagnostics *sink)
{
	static const char *const arguments[] = {"ipset", "save", NULL};
	struct dump dump = {0};
	int result = dump_read(ruleset->arena, sink, arguments, "ipset save", &dump);
	if (result < 0 || dump.missing)
		return result;
	return ipset_save_read(ruleset, sink, dump.source);
}

/* The sources of a ruleset live as long as it does. */
static int read_beside(struct diagnostics *sink, const struct dump *dump, enum family family,
		       struct ruleset **beside)
{
	struct buffer text = {(char *)dump->source->data, dump->source->size, 0, false};
	struct dump copy = {0};
	int result = 0;
	if (!*beside) {
		*beside = ruleset_new();
		result = *beside ? read_sets(*beside, sink) : -ENOMEM;
	}
	if (result == 0)
		result = dump_source((*beside)->arena, programs[family][NFT], &text, &copy);
	return result ? result : iptables_save_read(*beside, sink, copy.source, family);
}

static int read_family(struct ruleset *ruleset, struct diagnostics *sink, enum family family,
		       struct ruleset **beside)
{
	struct dump dumps[FLAVOURS] = {0};
	int result = dumps_read(ruleset->arena, sink, family, dumps);
	const struct dump *legacy = &dumps[LEGACY], *nft = &dumps[NFT];
	if (result < 0)
		return result;
	if (!legacy->holds || !nft->holds) {
		bool has_legacy = legacy->source && legacy->source->size;
		const struct dump *one = nft->source && (nft->holds || !has_legacy) ? nft : legacy;
		return iptables_save_read(ruleset, sink, one->source, family);
	}
	if (legacy->holds & nft->holds && !beside)
		return refuse_both(sink, dumps, legacy->holds & nft->holds);
	warn_of_both(sink, dumps, family);
	if (!(legacy->holds & nft->holds)) {
		result = iptables_save_read_tables(ruleset, sink, legacy->source, family, legacy->holds);
		return result ? result
			      : iptables_save_read_tables(ruleset, sink, nft->source, family, nft->holds);
	}
	result = iptables_save_read(ruleset, sink, legacy->source, family);
	return result ? result : read_beside(sink, nft, family, beside);
}

static int load(struct diagnostics *sink, struct ruleset **ruleset, struct ruleset **beside)
{
	struct ruleset *fresh = ruleset_new(), *other = NULL;
	size_t errors = diagnostics_errors(sink);
	int result = fresh ? read_sets(fresh, sink) : -ENOMEM;
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
		result = read_family(fresh, sink, (enum family)family, beside ? &other : NULL);
	if (result == 0 && diagnostics_errors(sink) > errors)
		result = -EINVAL;
	if (result == 0) {
		*ruleset = fresh;
		if (beside)
			*beside = other;
		return 0;
	}
	/* with the sources that the messages show */
	if (fresh)
		diagnostics_keep(sink, fresh->arena);
	if (other)
		diagnostics_keep(sink, other->arena);
	return result;
}

int rules_load_live(struct diagnostics *sink, struct ruleset **ruleset)
{
	return load(sink, ruleset, NULL);
}

int rules_load_live_beside(struct diagnostics *sink, struct ruleset **ruleset, struct ruleset **beside)
{
	return load(sink, ruleset, beside);
}
