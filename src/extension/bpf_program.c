/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Classic BPF: checked as bpf_check_classic() does it, run as sk_run_filter() did. Jumps only lead forward,
 * so a run ends within as many steps as there are instructions. */
#include "extension/bpf_program.h"

#include "extension/header.h"

#include <linux/filter.h>
#include <linux/if_ether.h>

/* As SKF_AD_OFF stands in an instruction: loads from here on are not of the packet's bytes, but of what the
 * kernel knows of it. */
#define ANCILLARY ((uint32_t)SKF_AD_OFF)

static bool code_allowed(uint16_t code)
{
	/* NOLINTNEXTLINE(misc-redundant-expression): some of them are 0 */
	static const uint16_t codes[] = {BPF_ALU | BPF_ADD | BPF_K,
					 BPF_ALU | BPF_ADD | BPF_X,
					 BPF_ALU | BPF_SUB | BPF_K,
					 BPF_ALU | BPF_SUB | BPF_X,
					 BPF_ALU | BPF_MUL | BPF_K,
					 BPF_ALU | BPF_MUL | BPF_X,
					 BPF_ALU | BPF_DIV | BPF_K,
					 BPF_ALU | BPF_DIV | BPF_X,
					 BPF_ALU | BPF_MOD | BPF_K,
					 BPF_ALU | BPF_MOD | BPF_X,
					 BPF_ALU | BPF_AND | BPF_K,
					 BPF_ALU | BPF_AND | BPF_X,
					 BPF_ALU | BPF_OR | BPF_K,
					 BPF_ALU | BPF_OR | BPF_X,
					 BPF_ALU | BPF_XOR | BPF_K,
					 BPF_ALU | BPF_XOR | BPF_X,
					 BPF_ALU | BPF_LSH | BPF_K,
					 BPF_ALU | BPF_LSH | BPF_X,
					 BPF_ALU | BPF_RSH | BPF_K,
					 BPF_ALU | BPF_RSH | BPF_X,
					 BPF_ALU | BPF_NEG,
					 BPF_LD | BPF_W | BPF_ABS,
					 BPF_LD | BPF_H | BPF_ABS,
					 BPF_LD | BPF_B | BPF_ABS,
					 BPF_LD | BPF_W | BPF_LEN,
					 BPF_LD | BPF_W | BPF_IND,
					 BPF_LD | BPF_H | BPF_IND,
					 BPF_LD | BPF_B | BPF_IND,
					 BPF_LD | BPF_IMM,
					 BPF_LD | BPF_MEM,
					 BPF_LDX | BPF_W | BPF_LEN,
					 BPF_LDX | BPF_B | BPF_MSH,
					 BPF_LDX | BPF_IMM,
					 BPF_LDX | BPF_MEM,
					 BPF_ST,
					 BPF_STX,
					 BPF_MISC | BPF_TAX,
					 BPF_MISC | BPF_TXA,
					 BPF_RET | BPF_K,
					 BPF_RET | BPF_A,
					 BPF_JMP | BPF_JA,
					 BPF_JMP | BPF_JEQ | BPF_K,
					 BPF_JMP | BPF_JEQ | BPF_X,
					 BPF_JMP | BPF_JGE | BPF_K,
					 BPF_JMP | BPF_JGE | BPF_X,
					 BPF_JMP | BPF_JGT | BPF_K,
					 BPF_JMP | BPF_JGT | BPF_X,
					 BPF_JMP | BPF_JSET | BPF_K,
					 BPF_JMP | BPF_JSET | BPF_X};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool is_absolute(uint16_t code)
{
	return BPF_CLASS(code) == BPF_LD && BPF_MODE(code) == BPF_ABS;
}

/* bpf_anc_helper(): the places that mean something. */
static bool ancillary_known(uint32_t k)
{
	uint32_t place = k - ANCILLARY;

	return place % 4 == 0 && place < SKF_AD_MAX;
}

static bool instruction_valid(const struct bpf_instruction *instruction, unsigned left)
{
	uint32_t k = instruction->k;

	if (!code_allowed(instruction->code))
		return false;
	switch (instruction->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return k < 32;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return k < BPF_MEMWORDS;
	case BPF_JMP | BPF_JA:
		return k < left;
	default:
		break;
	}
	if (BPF_CLASS(instruction->code) == BPF_JMP)
		return instruction->jump_true < left && instruction->jump_false < left;
	return !is_absolute(instruction->code) || k < ANCILLARY || ancillary_known(k);
}

/* check_load_and_stores(): of each instruction, the words of memory that were written on every way to it. */
static bool memory_valid(const struct bpf_program *program)
{
	uint16_t written[BPF_PROGRAM_MAX + 1], now = 0;

	for (unsigned i = 0; i <= program->count; i++)
		written[i] = UINT16_MAX;
	for (unsigned i = 0; i < program->count; i++) {
		const struct bpf_instruction *instruction = &program->instructions[i];
		now &= written[i];
		switch (instruction->code) {
		case BPF_ST:
		case BPF_STX:
			now |= (uint16_t)(1u << instruction->k);
			break;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (!(now >> instruction->k & 1))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			written[i + 1 + instruction->k] &= now;
			now = UINT16_MAX;
			break;
		default:
			if (BPF_CLASS(instruction->code) != BPF_JMP)
				break;
			written[i + 1 + instruction->jump_true] &= now;
			written[i + 1 + instruction->jump_false] &= now;
			now = UINT16_MAX;
		}
	}
	return true;
}

bool bpf_program_valid(const struct bpf_program *program)
{
	if (program->count == 0 || program->count > BPF_PROGRAM_MAX)
		return false;
	for (unsigned i = 0; i < program->count; i++)
		if (!instruction_valid(&program->instructions[i], program->count - i - 1))
			return false;
	uint16_t last = program->instructions[program->count - 1].code;
	return (last == (BPF_RET | BPF_K) || last == (BPF_RET | BPF_A)) && memory_valid(program);
}

bool bpf_program_is_steady(const struct bpf_program *program)
{
	for (unsigned i = 0; i < program->count; i++) {
		const struct bpf_instruction *instruction = &program->instructions[i];
		if (!is_absolute(instruction->code) || instruction->k < ANCILLARY)
			continue;
		switch (instruction->k - ANCILLARY) {
		case SKF_AD_PROTOCOL:
		case SKF_AD_PKTTYPE:
		case SKF_AD_MARK:
		case SKF_AD_ALU_XOR_X:
		case SKF_AD_VLAN_TAG:
		case SKF_AD_VLAN_TAG_PRESENT:
			break;
		default:
			return false;
		}
	}
	return true;
}

struct machine {
	const struct packet *packet;
	struct header_changes changes;
	uint32_t a, x, memory[BPF_MEMWORDS];
};

static enum truth ancillary(struct machine *machine, uint32_t place)
{
	const struct packet *packet = machine->packet;

	switch (place) {
	case SKF_AD_PROTOCOL:
		machine->a = packet->family == FAMILY_IPV4 ? ETH_P_IP : ETH_P_IPV6;
		return TRUTH_YES;
	case SKF_AD_MARK:
		machine->a = packet->mark;
		return packet->known & KNOWN_MARK ? TRUTH_YES : TRUTH_UNKNOWN;
	case SKF_AD_ALU_XOR_X:
		machine->a ^= machine->x;
		return TRUTH_YES;
	default:
		return TRUTH_UNKNOWN;
	}
}

/* NO: behind the end of the packet, where the program returns 0. */
static enum truth load(const struct machine *machine, uint32_t offset, uint32_t size, uint32_t *value)
{
	const uint8_t *bytes;

	if (offset > INT32_MAX) /* SKF_NET_OFF, SKF_LL_OFF */
		return TRUTH_UNKNOWN;
	switch (header_read(machine->packet, &machine->changes, offset, size, &bytes)) {
	case PART_FOUND:
		*value = size == 1 ? bytes[0] : size == 2 ? header_16(bytes) : header_32(bytes);
		return TRUTH_YES;
	case PART_UNKNOWN:
		return TRUTH_UNKNOWN;
	default:
		return TRUTH_NO;
	}
}

static enum truth run_load(struct machine *machine, const struct bpf_instruction *instruction)
{
	uint32_t size = BPF_SIZE(instruction->code) == BPF_W   ? 4
			: BPF_SIZE(instruction->code) == BPF_H ? 2
							       : 1;
	bool to_x = BPF_CLASS(instruction->code) == BPF_LDX;
	uint32_t value = 0, k = instruction->k;
	enum truth truth = TRUTH_YES;

	switch (BPF_MODE(instruction->code)) {
	case BPF_ABS:
		if (k >= ANCILLARY)
			return ancillary(machine, k - ANCILLARY);
		truth = load(machine, k, size, &value);
		break;
	case BPF_IND:
		truth = load(machine, machine->x + k, size, &value);
		break;
	case BPF_MSH: /* the length of an IPv4 header */
		truth = load(machine, k, 1, &value);
		value = (value & 15) * 4;
		break;
	case BPF_LEN:
		value = machine->packet->length;
		truth = machine->packet->known & KNOWN_LENGTH ? TRUTH_YES : TRUTH_UNKNOWN;
		break;
	case BPF_IMM:
		value = k;
		break;
	case BPF_MEM:
		value = machine->memory[k];
		break;
	}
	if (truth == TRUTH_YES)
		*(to_x ? &machine->x : &machine->a) = value;
	return truth;
}

/* NO: a division by 0, where the program returns 0. */
static enum truth run_arithmetic(struct machine *machine, const struct bpf_instruction *instruction)
{
	uint32_t value = BPF_SRC(instruction->code) == BPF_X ? machine->x : instruction->k;

	switch (BPF_OP(instruction->code)) {
	case BPF_ADD:
		machine->a += value;
		break;
	case BPF_SUB:
		machine->a -= value;
		break;
	case BPF_MUL:
		machine->a *= value;
		break;
	case BPF_DIV:
	case BPF_MOD:
		if (value == 0)
			return TRUTH_NO;
		machine->a = BPF_OP(instruction->code) == BPF_DIV ? machine->a / value : machine->a % value;
		break;
	case BPF_AND:
		machine->a &= value;
		break;
	case BPF_OR:
		machine->a |= value;
		break;
	case BPF_XOR:
		machine->a ^= value;
		break;
	case BPF_LSH:
	case BPF_RSH:
		/* By more than 31 each processor and each kernel did its own. */
		if (value > 31)
			return TRUTH_UNKNOWN;
		machine->a = BPF_OP(instruction->code) == BPF_LSH ? machine->a << value : machine->a >> value;
		break;
	case BPF_NEG:
		machine->a = -machine->a;
		break;
	}
	return TRUTH_YES;
}

static unsigned run_jump(const struct machine *machine, const struct bpf_instruction *instruction)
{
	uint32_t value = BPF_SRC(instruction->code) == BPF_X ? machine->x : instruction->k;
	bool holds = false;

	switch (BPF_OP(instruction->code)) {
	case BPF_JA:
		return instruction->k;
	case BPF_JEQ:
		holds = machine->a == value;
		break;
	case BPF_JGT:
		holds = machine->a > value;
		break;
	case BPF_JGE:
		holds = machine->a >= value;
		break;
	case BPF_JSET:
		holds = machine->a & value;
		break;
	}
	return holds ? instruction->jump_true : instruction->jump_false;
}

enum truth bpf_program_run(const struct bpf_program *program, const struct packet *packet)
{
	struct machine machine = {.packet = packet};

	header_changes(packet, &machine.changes);
	for (unsigned i = 0; i < program->count; i++) {
		const struct bpf_instruction *instruction = &program->instructions[i];
		enum truth truth = TRUTH_YES;
		switch (BPF_CLASS(instruction->code)) {
		case BPF_LD:
		case BPF_LDX:
			truth = run_load(&machine, instruction);
			break;
		case BPF_ST:
			machine.memory[instruction->k] = machine.a;
			break;
		case BPF_STX:
			machine.memory[instruction->k] = machine.x;
			break;
		case BPF_ALU:
			truth = run_arithmetic(&machine, instruction);
			break;
		case BPF_JMP:
			i += run_jump(&machine, instruction);
			break;
		case BPF_RET:
			return truth_of(BPF_RVAL(instruction->code) == BPF_A ? machine.a : instruction->k);
		case BPF_MISC:
			if (BPF_MISCOP(instruction->code) == BPF_TAX)
				machine.x = machine.a;
			else
				machine.a = machine.x;
			break;
		}
		if (truth != TRUTH_YES)
			return truth;
	}
	return TRUTH_UNKNOWN; /* not reached by a valid program */
}
