/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m bpf: a program of the classic Berkeley packet filter over the packet from its IP header on, or an eBPF
 * program that somebody has pinned, of which nothing is known: net/netfilter/xt_bpf.c. What the program may
 * do is in bpf_program.c. */
#include "extension/bpf_program.h"
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define PATH_MAXIMUM 511 /* XT_BPF_PATH_MAX with the NUL */

enum { BPF_BYTECODE, BPF_PINNED, BPF_COUNT };

/* sscanf()'s %u of as many bits as `mask` has: blanks, a sign, and what is too large loses its upper bits. */
static bool take_number(const char **at, const char *end, uint32_t mask, uint32_t *number)
{
	bool negative = false;
	uint64_t value = 0;

	while (*at < end && isspace((unsigned char)**at))
		++*at;
	if (*at < end && (**at == '-' || **at == '+'))
		negative = *(*at)++ == '-';
	const char *start = *at;
	while (*at < end && isdigit((unsigned char)**at) && *at - start < 19)
		value = value * 10 + (uint64_t)(*(*at)++ - '0');
	*number = (uint32_t)(negative ? -value : value) & mask;
	return *at > start && (*at == end || !isdigit((unsigned char)**at));
}

/* "COUNT,CODE JT JF K,..." as libxt_bpf reads it: what stands behind the fourth number of an instruction is
 * passed over. */
static bool program_read(struct text text, struct bpf_program *program)
{
	const char *at = text.data, *end = text.data + text.size;
	uint32_t count;

	if (!text.size || !take_number(&at, end, 0xffff, &count) || at == end || *at != ',' || count == 0 ||
	    count > BPF_PROGRAM_MAX)
		return false;
	while (at && ++at < end) {
		struct bpf_instruction *instruction = &program->instructions[program->count];
		uint32_t code, jump_true, jump_false;
		if (program->count == count || !take_number(&at, end, 0xffff, &code) ||
		    !take_number(&at, end, 0xff, &jump_true) || !take_number(&at, end, 0xff, &jump_false) ||
		    !take_number(&at, end, UINT32_MAX, &instruction->k))
			return false;
		instruction->code = (uint16_t)code;
		instruction->jump_true = (uint8_t)jump_true;
		instruction->jump_false = (uint8_t)jump_false;
		program->count++;
		at = memchr(at, ',', (size_t)(end - at));
	}
	return program->count == count;
}

static int bytecode_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct bpf_program *program = arena_alloc(parser->ruleset->arena, sizeof(*program));

	if (!program)
		return -ENOMEM;
	value->own = program;
	if (!program_read(word->text, program))
		return guided_refuse(parser, word,
				     "the number of instructions, to 64, and each with a comma before it as "
				     "CODE JT JF K: what nfbpf_compile prints");
	return bpf_program_valid(program)
		   ? 0
		   : guided_refuse(parser, word,
				   "a program that the kernel takes: jumps that end within it, no "
				   "unknown instruction, \"return\" as its last one");
}

static const struct guide guides[BPF_COUNT] = {
    [BPF_BYTECODE] = {.name = "--bytecode",
		      .kind = GUIDE_OWN,
		      .parse = bytecode_parse,
		      .excludes = 1 << BPF_PINNED},
    [BPF_PINNED] = {.name = "--object-pinned",
		    .kind = GUIDE_STRING,
		    .min = 1,
		    .max = PATH_MAXIMUM,
		    .excludes = 1 << BPF_BYTECODE},
};

static int bpf_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, BPF_COUNT);
}

static int bpf_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, BPF_COUNT, match->span,
				  "-m bpf");
	const struct guided *bpf = match->data;

	if (error || bpf->seen)
		return error;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m bpf has no program"),
			"write --bytecode or --object-pinned");
	return -EINVAL;
}

static void bpf_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *bpf = match->data;
	const struct bpf_program *program = bpf->values[BPF_BYTECODE].own;
	(void)rule;

	buffer_puts(out, "-m bpf");
	if (guided_seen(bpf, BPF_PINNED)) {
		buffer_printf(out, " --object-pinned %.*s", (int)bpf->values[BPF_PINNED].text.size,
			      bpf->values[BPF_PINNED].text.data);
		return;
	}
	buffer_printf(out, " --bytecode \"%u", program->count);
	for (unsigned i = 0; i < program->count; i++) {
		const struct bpf_instruction *instruction = &program->instructions[i];
		buffer_printf(out, ",%u %u %u %u", instruction->code, instruction->jump_true,
			      instruction->jump_false, instruction->k);
	}
	buffer_puts(out, "\"");
}

static enum truth bpf_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *bpf = match->data;
	(void)rule;
	(void)evaluation;

	if (guided_seen(bpf, BPF_PINNED))
		return TRUTH_UNKNOWN;
	return bpf_program_run(bpf->values[BPF_BYTECODE].own, packet);
}

static unsigned bpf_effects(const struct match *match)
{
	/* It may write to its maps. */
	return guided_seen(match->data, BPF_PINNED) ? EFFECT_UNKNOWN : 0;
}

/* A program may ask for a random number or the processor it runs on. */
static struct unseen bpf_unseen(const struct match *match)
{
	const struct guided *bpf = match->data;
	bool steady = guided_seen(bpf, BPF_BYTECODE) && bpf_program_is_steady(bpf->values[BPF_BYTECODE].own);

	return (struct unseen){steady ? OPAQUE_TABLE : OPAQUE_RULE, false};
}

static int bpf_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	struct buffer text = {0};
	int error = -ENOMEM;

	bpf_print(match, rule, &text);
	if (!text.failed)
		error = unseen_declare_text(match, rule, fields, (struct text){text.data, text.size},
					    bpf_unseen(match));
	buffer_fini(&text);
	return error;
}

static diagram_node bpf_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	struct buffer text = {0};
	diagram_node mean = DIAGRAM_UNDECIDED;

	bpf_print(match, rule, &text);
	if (!text.failed)
		mean = unseen_mean_text(match, rule, fields, (struct text){text.data, text.size},
					bpf_unseen(match));
	buffer_fini(&text);
	return mean;
}

const struct match_type match_bpf = {
    .name = "bpf",
    .modelled = true,
    .reads_state = true, /* by the mark, which may have been restored from a connection */
    .parse = bpf_parse,
    .finish = bpf_finish,
    .print = bpf_print,
    .evaluate = bpf_evaluate,
    .declare = bpf_declare,
    .mean = bpf_mean,
    .effects = bpf_effects,
};
