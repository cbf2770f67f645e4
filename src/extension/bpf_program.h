/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Programs of the classic Berkeley packet filter as the kernel takes and runs them: net/core/filter.c. */
#ifndef WEIR_EXTENSION_BPF_PROGRAM_H
#define WEIR_EXTENSION_BPF_PROGRAM_H

#include "extension/option.h"

#define BPF_PROGRAM_MAX 64 /* XT_BPF_MAX_NUM_INSTR */

struct bpf_instruction { /* struct sock_filter */
	uint16_t code;
	uint8_t jump_true, jump_false;
	uint32_t k;
};

struct bpf_program {
	unsigned count;
	struct bpf_instruction instructions[BPF_PROGRAM_MAX];
};

/* bpf_check_classic(): jumps lead forward and end within the program, memory is written before it is read,
 * and the last instruction returns. The others below want a valid program. */
bool bpf_program_valid(const struct bpf_program *program);
/* Whether the same packet always has the same answer. */
bool bpf_program_is_steady(const struct bpf_program *program);
/* Whether it returns something else than 0 for the packet; UNKNOWN when it reads what is not known. */
enum truth bpf_program_run(const struct bpf_program *program, const struct packet *packet);

#endif
