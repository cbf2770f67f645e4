/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets for extension_matches_header.c, and what Linux 6.18 did with each behind one rule: whether the
 * rule's counter moved, and whether the packet came to the rule behind it. */
#ifndef WEIR_TEST_EXTENSION_MATCHES_HEADER_PACKETS_H
#define WEIR_TEST_EXTENSION_MATCHES_HEADER_PACKETS_H

/* An IPv4 SYN with MSS 1460, two NOPs and SACK-permitted, TOS 0x12. */
static const char syn4[] =
    "451200300001000040067caac0000201cb0071090400005000000001000000007002006400000000020405b401010402";
/* IPv4 TCP with ECE, and data. */
static const char get4[] =
    "45b8003b0001000040067bf9c0000201cb0071090400005000000001000000005058006400000000474554202f696e64"
    "657820485454502f312e31";
/* IPv4 UDP. */
static const char udp4[] = "450300220001000040117cbcc0000201cb00710904000035000e0000666f6f626172";
/* A later fragment of IPv4 TCP, with what looks like TCP. */
static const char late4[] =
    "450000300001000240067cbac0000201cb0071090400005000000001000000007040006400000000020405b401010402";
/* One of 8 bytes. */
static const char late4_short[] = "4500001c0001000240067ccec0000201cb0071096162636465666768";
/* IPv4 TCP whose options are cut off. */
static const char cut_options4[] =
    "450000280001000040067cc4c0000201cb0071090400005000000001000000008002006400000000";
/* IPv4 TCP with a data offset of 3. */
static const char small_offset4[] =
    "450000280001000040067cc4c0000201cb0071090400005000000001000000003002006400000000";
/* IPv4 AH, SPI 5. */
static const char ah4[] =
    "450000400001000040337c7fc0000201cb00710906040000000000050000000000000000000000000000000004000050"
    "00000001000000005002006400000000";
/* IPv4 AH cut off. */
static const char ah4_short[] = "4500001c0001000040337ca3c0000201cb0071090604000000000005";
/* IPv4 ESP, SPI 7. */
static const char esp4[] = "450000200001000040327ca0c0000201cb007109000000070000000164617461";
/* IPv4 ESP cut off. */
static const char esp4_short[] = "450000180001000040327ca8c0000201cb00710900000007";
/* IPv4 IPComp, CPI 0. */
static const char comp4[] = "4500001c00010000406c7c6ac0000201cb0071090600000064617461";
/* IPv4 DCCP-Ack with option 5. */
static const char ack_dccp4[] =
    "4500002c0001000040217ca5c0000201cb007109040000500600000006000001000000000000000001050200";
/* IPv4 DCCP of type 15, longer sequence number. */
static const char reserved_dccp4[] =
    "450000300001000040217ca1c0000201cb00710904000050070000001f00000100000000000000000000000000000000";
/* IPv4 DCCP-Ack whose options are cut off. */
static const char cut_dccp4[] =
    "450000280001000040217ca9c0000201cb0071090400005009000000060000010000000000000000";
/* IPv6 TCP, traffic class 0xb9. */
static const char tcp6[] =
    "6b9000000019064020010db800000000000000000000000120010db80000000000000000000000090400005000000001"
    "000000005010006400000000474554202f";
/* IPv6: destination options, AH of 16 bytes with SPI 5, UDP. */
static const char ah6[] =
    "6000000000203c4020010db800000000000000000000000120010db80000000000000000000000093300010400000000"
    "110200000000000500000000000000000001000200080000";
/* IPv6 AH that says it is longer than the packet. */
static const char ah6_long[] =
    "60000000000c334020010db800000000000000000000000120010db8000000000000000000000009113c000000000005"
    "00000000";
/* IPv6: first fragment, id 7, of UDP. */
static const char frag6[] =
    "6000000000102c4020010db800000000000000000000000120010db80000000000000000000000091100000100000007"
    "0001000200100000";
/* IPv6: last fragment, id 7, reserved bits set. */
static const char frag6_last[] =
    "6000000000102c4020010db800000000000000000000000120010db80000000000000000000000091101004800000007"
    "6162636465666768";
/* IPv6: a fragment header cut off. */
static const char frag6_short[] =
    "6000000000042c4020010db800000000000000000000000120010db800000000000000000000000911000001";
/* IPv6: routing header of type 0 with two addresses, one left; TCP. */
static const char rt0_6[] =
    "60000000003c2b4020010db800000000000000000000000120010db80000000000000000000000090604000100000000"
    "20010db800000000000000000000000120010db800000000000000000000000204000050000000010000000050020064"
    "00000000";
/* IPv6: a routing header that says it is longer than the packet. */
static const char rt6_long[] =
    "6000000000082b4020010db800000000000000000000000120010db80000000000000000000000091104040000000000";
/* IPv6: segment routing header, two segments, one left, tag bytes 0 and 1. */
static const char srh6[] =
    "6000000000282b4020010db800000000000000000000000120010db80000000000000000000000093b04040101000001"
    "20010db800000000000000000000000120010db8000000000000000000000002";
/* IPv6: one without its list. */
static const char srh6_empty[] =
    "6000000000082b4020010db800000000000000000000000120010db80000000000000000000000093b00040000000000";
/* IPv6: hop-by-hop with a router alert and PadN; destination options; MH of type 5. */
static const char hbh6[] =
    "600000000018004020010db800000000000000000000000120010db80000000000000000000000093c00050200000100"
    "87000102000000003b00050000000000";
/* IPv6: a mobility header that something follows. */
static const char mh6_followed[] =
    "600000000008874020010db800000000000000000000000120010db80000000000000000000000090600010000000000";
/* IPv6: destination options that say they are longer than the packet. */
static const char dst6_long[] =
    "6000000000083c4020010db800000000000000000000000120010db80000000000000000000000091104010200000000";
/* IPv6: an option longer than its header. */
static const char dst6_option_long[] =
    "6000000000083c4020010db800000000000000000000000120010db80000000000000000000000093b00011400000000";
/* IPv6: nothing at all. */
static const char none6[] =
    "6000000000003b4020010db800000000000000000000000120010db8000000000000000000000009";
/* IPv6 ESP behind destination options. */
static const char esp6[] =
    "6000000000103c4020010db800000000000000000000000120010db80000000000000000000000093200010400000000"
    "0000000700000001";
/* IPv6: a later fragment of TCP. */
static const char late6[] =
    "6000000000102c4020010db800000000000000000000000120010db80000000000000000000000090600000900000001"
    "6162636465666768";

static const struct {
	enum family family;
	const char *packet, *rule;
	enum truth truth;
	bool hot_drop;
} evaluate_cases[] = {
    {FAMILY_IPV4, syn4, "-m length --length 48", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-m length ! --length 48", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-m length --length 100:48", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-m dscp --dscp 4", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-m dscp ! --dscp-class CS1", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-m tos --tos Minimize-Delay", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-m tos --tos 0x12/0x12", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-m tos --tos 0x10", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-m tos --tos 0x13/0x12", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-m ecn --ecn-ip-ect 2", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-m ecn ! --ecn-ip-ect 2", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-p tcp -m ecn --ecn-tcp-ece", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-p tcp -m ecn ! --ecn-tcp-ece --ecn-ip-ect 2", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcp --tcp-option 2", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcp --tcp-option 1", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcp --tcp-option 5", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcp ! --tcp-option 5", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcp ! --tcp-option 2", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcpmss --mss 1460", TRUTH_YES, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcpmss --mss 500:1459", TRUTH_NO, false},
    {FAMILY_IPV4, syn4, "-p tcp -m tcpmss ! --mss 500:1459", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --string \"GET /\" --algo bm", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --string \"get /\" --algo bm", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m string --string \"get /\" --algo kmp --icase", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string ! --string \"GET /\" --algo kmp", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m string --string \"GET /\" --algo bm --from 40", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --string \"GET /\" --algo bm --from 41", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m string --string \"GET /\" --algo bm --to 45", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --hex-string \"|50|\" --algo bm --to 33", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --hex-string \"|45b8|\" --algo bm --to 2", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --string \"1.1\" --algo kmp --from 56", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m string --string \"1.1x\" --algo kmp", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m string --string foo --algo bm --from 1000", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-p tcp -m ecn --ecn-tcp-ece ! --ecn-tcp-cwr", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-p tcp -m tcp --tcp-option 2", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-p tcp -m tcp ! --tcp-option 2", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-p tcp -m tcpmss --mss 0:65535", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-p tcp -m tcpmss ! --mss 0:65535", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"6&0xFF=6\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 ! --u32 \"6&0xFF=6\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"0>>22&0x3C@12>>26&0x3C@0=0x47455420\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"6&0xFF=1,6:17&&4&0x1FFF=0\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"56=0:0xffffffff\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"55=0x2f312e31\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 ! --u32 \"56=0:0xffffffff\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"0<<4>>28=5\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"0@0=0\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"0&0@0=0x45b8003b\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m u32 --u32 \"12&0xff@8&0xff@0&0=0\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"5,177 0 0 0,72 0 0 2,21 0 1 80,6 0 0 65535,6 0 0 0\"", TRUTH_YES,
     false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"2,48 0 0 1000,6 0 0 1\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"2,128 0 0 0,22 0 0 0\"", TRUTH_YES, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"3,40 0 0 4294963200,20 0 0 2048,22 0 0 0\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"4,0 0 0 7,2 0 0 3,97 0 0 3,6 0 0 0\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"3,0 0 0 7,60 0 0 0,6 0 0 1\"", TRUTH_NO, false},
    {FAMILY_IPV4, get4, "-m bpf --bytecode \"6,0 0 0 20,2 0 0 3,97 0 0 3,80 0 0 5,148 0 0 2,22 0 0 0\"",
     TRUTH_NO, false},
    {FAMILY_IPV4, udp4, "-m string --string foob --algo bm", TRUTH_YES, false},
    {FAMILY_IPV4, udp4, "-m ecn --ecn-ip-ect 3", TRUTH_YES, false},
    {FAMILY_IPV4, late4, "-p tcp -m tcp --tcp-option 2", TRUTH_NO, false},
    {FAMILY_IPV4, late4, "-p tcp -m tcp ! --tcp-option 2", TRUTH_NO, false},
    {FAMILY_IPV4, late4, "-p tcp -m tcpmss --mss 1460", TRUTH_YES, false},
    {FAMILY_IPV4, late4, "-p tcp -m ecn --ecn-tcp-ece", TRUTH_YES, false},
    {FAMILY_IPV4, late4_short, "-p tcp -m tcpmss --mss 1460", TRUTH_NO, true},
    {FAMILY_IPV4, late4_short, "-p tcp -m ecn ! --ecn-tcp-ece", TRUTH_NO, false},
    {FAMILY_IPV4, cut_options4, "-p tcp -m tcp --tcp-option 2", TRUTH_NO, true},
    {FAMILY_IPV4, cut_options4, "-p tcp -m tcp ! --tcp-option 2", TRUTH_NO, true},
    {FAMILY_IPV4, cut_options4, "-p tcp -m tcp --dport 81 --tcp-option 2", TRUTH_NO, false},
    {FAMILY_IPV4, cut_options4, "-p tcp -m tcpmss --mss 1", TRUTH_NO, true},
    {FAMILY_IPV4, small_offset4, "-p tcp -m tcp ! --tcp-option 2", TRUTH_NO, true},
    {FAMILY_IPV4, small_offset4, "-p tcp -m tcpmss ! --mss 1", TRUTH_NO, true},
    {FAMILY_IPV4, ah4, "-p ah -m ah", TRUTH_YES, false},
    {FAMILY_IPV4, ah4, "-p ah -m ah --ahspi 5", TRUTH_YES, false},
    {FAMILY_IPV4, ah4, "-p ah -m ah ! --ahspi 5", TRUTH_NO, false},
    {FAMILY_IPV4, ah4, "-p ah -m ah --ahspi 6:", TRUTH_NO, false},
    {FAMILY_IPV4, ah4, "-p ah -m ah --ahspi 6:4", TRUTH_NO, false},
    {FAMILY_IPV4, ah4, "-p ah -m ah ! --ahspi :", TRUTH_NO, false},
    {FAMILY_IPV4, ah4_short, "-p ah -m ah --ahspi 5", TRUTH_NO, true},
    {FAMILY_IPV4, esp4, "-p esp -m esp --espspi 7", TRUTH_YES, false},
    {FAMILY_IPV4, esp4, "-p esp -m esp ! --espspi 7:9", TRUTH_NO, false},
    {FAMILY_IPV4, esp4, "-p esp -m esp", TRUTH_YES, false},
    {FAMILY_IPV4, esp4, "-p esp -m esp ! --espspi :", TRUTH_NO, false},
    {FAMILY_IPV4, esp4_short, "-p esp -m esp --espspi 7", TRUTH_NO, true},
    {FAMILY_IPV4, comp4, "-p ipcomp -m ipcomp", TRUTH_YES, false},
    {FAMILY_IPV4, comp4, "-p ipcomp -m ipcomp --ipcompspi 1:", TRUTH_NO, false},
    {FAMILY_IPV4, comp4, "-p ipcomp -m ipcomp --compres --ipcompspi 0", TRUTH_YES, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp --dport 80", TRUTH_YES, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp ! --dport 80", TRUTH_NO, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp --sport 80", TRUTH_NO, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp --dccp-types ACK,DATA", TRUTH_YES, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp ! --dccp-types ACK", TRUTH_NO, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp --dccp-option 5", TRUTH_YES, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp ! --dccp-option 5", TRUTH_NO, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp --dccp-option 7", TRUTH_NO, false},
    {FAMILY_IPV4, ack_dccp4, "-p dccp -m dccp --dport 80 --dccp-types ACK --dccp-option 1", TRUTH_YES, false},
    {FAMILY_IPV4, reserved_dccp4, "-p dccp -m dccp --dccp-types INVALID", TRUTH_YES, false},
    {FAMILY_IPV4, reserved_dccp4, "-p dccp -m dccp --dccp-types SYNC", TRUTH_NO, false},
    {FAMILY_IPV4, reserved_dccp4, "-p dccp -m dccp --dccp-option 0x10", TRUTH_NO, false},
    {FAMILY_IPV4, cut_dccp4, "-p dccp -m dccp --dccp-types ACK", TRUTH_YES, false},
    {FAMILY_IPV4, cut_dccp4, "-p dccp -m dccp --dccp-option 1", TRUTH_NO, true},
    {FAMILY_IPV4, cut_dccp4, "-p dccp -m dccp ! --dccp-option 1", TRUTH_YES, true},
    {FAMILY_IPV4, cut_dccp4, "-p dccp -m dccp --sport 5 --dccp-option 1", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m length --length 65", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m dscp --dscp-class EF", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m tos --tos 0xb9", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m ecn --ecn-ip-ect 1", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m string --string \"GET /\" --algo bm --from 60", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m u32 --u32 \"4&0xff00=0x600\"", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m ah", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m frag", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m rt", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m srh", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m hbh", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m dst", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m ipv6header --header prot", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m ipv6header --header prot --soft", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-m ipv6header ! --header prot", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m ipv6header --header dst --soft", TRUTH_NO, false},
    {FAMILY_IPV6, tcp6, "-m ipv6header ! --header dst --soft", TRUTH_YES, false},
    {FAMILY_IPV6, tcp6, "-p esp -m esp --espspi 7", TRUTH_NO, false},
    {FAMILY_IPV6, ah6, "-m ah", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ah --ahspi 5", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ah ! --ahspi 1:5", TRUTH_NO, false},
    {FAMILY_IPV6, ah6, "-m ah --ahlen 16", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ah ! --ahlen 16", TRUTH_NO, false},
    {FAMILY_IPV6, ah6, "-m ah --ahlen 0", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ah --ahres", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ipv6header --header dst,ah,prot", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ipv6header --header dst,ah --soft", TRUTH_YES, false},
    {FAMILY_IPV6, ah6, "-m ipv6header --header dst,ah", TRUTH_NO, false},
    {FAMILY_IPV6, ah6, "-m dst --dst-len 8", TRUTH_YES, false},
    {FAMILY_IPV6, ah6_long, "-m ah", TRUTH_NO, true},
    {FAMILY_IPV6, frag6, "-m frag", TRUTH_YES, false},
    {FAMILY_IPV6, frag6, "-m frag --fragid 7", TRUTH_YES, false},
    {FAMILY_IPV6, frag6, "-m frag ! --fragid 7", TRUTH_NO, false},
    {FAMILY_IPV6, frag6, "-m frag --fragfirst --fragmore", TRUTH_YES, false},
    {FAMILY_IPV6, frag6, "-m frag --fraglast", TRUTH_NO, false},
    {FAMILY_IPV6, frag6, "-m frag --fragres", TRUTH_YES, false},
    {FAMILY_IPV6, frag6, "-m frag --fraglen 77", TRUTH_YES, false},
    {FAMILY_IPV6, frag6, "-m frag ! --fragid :", TRUTH_NO, false},
    {FAMILY_IPV6, frag6, "-m ipv6header --header frag,prot", TRUTH_YES, false},
    {FAMILY_IPV6, frag6_last, "-m frag --fraglast", TRUTH_YES, false},
    {FAMILY_IPV6, frag6_last, "-m frag --fragmore", TRUTH_NO, false},
    {FAMILY_IPV6, frag6_last, "-m frag --fragfirst", TRUTH_NO, false},
    {FAMILY_IPV6, frag6_last, "-m frag --fragres", TRUTH_NO, false},
    {FAMILY_IPV6, frag6_last, "-m frag --fragid :7", TRUTH_YES, false},
    {FAMILY_IPV6, frag6_short, "-m frag", TRUTH_NO, true},
    {FAMILY_IPV6, rt0_6, "-m rt", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt ! --rt-type 0", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-segsleft 1:2", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt ! --rt-segsleft 1", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-len 40", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-len 8", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0 --rt-0-res", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::1,2001:db8::2", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::1", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::2,2001:db8::1", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::2 --rt-0-not-strict", TRUTH_YES, false},
    {FAMILY_IPV6, rt0_6, "-m rt --rt-type 0 --rt-0-addrs 2001:db8::2,2001:db8::1 --rt-0-not-strict", TRUTH_NO,
     false},
    {FAMILY_IPV6, rt0_6,
     "-m rt --rt-type 0 --rt-0-addrs 2001:db8::1,2001:db8::2,2001:db8::3 --rt-0-not-strict", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m rt ! --rt-segsleft :", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m srh", TRUTH_NO, false},
    {FAMILY_IPV6, rt0_6, "-m ipv6header --header route --soft", TRUTH_YES, false},
    {FAMILY_IPV6, rt6_long, "-m rt", TRUTH_NO, true},
    {FAMILY_IPV6, rt6_long, "-m srh", TRUTH_NO, false},
    {FAMILY_IPV6, rt6_long, "-m ipv6header --header route,prot", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-next-hdr 59", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh ! --srh-next-hdr 59", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-hdr-len-eq 4", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-hdr-len-gt 3", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-hdr-len-lt 4", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m srh ! --srh-hdr-len-lt 4", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-hdr-len-gt 3 --srh-hdr-len-eq 4", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-segs-left-eq 1 --srh-last-entry-eq 1", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-tag 256", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-tag 1", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-psid ::/0", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-nsid 2001:db8::1", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-nsid 2001:db8::2", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m srh ! --srh-nsid 2001:db8::2/127", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-lsid 2001:db8::/126", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-lsid 2001:db8::1/::1", TRUTH_YES, false},
    {FAMILY_IPV6, srh6, "-m srh --srh-lsid ::1/::1", TRUTH_NO, false},
    {FAMILY_IPV6, srh6, "-m rt --rt-type 4", TRUTH_YES, false},
    {FAMILY_IPV6, srh6_empty, "-m srh", TRUTH_YES, false},
    {FAMILY_IPV6, srh6_empty, "-m srh --srh-lsid ::/0", TRUTH_NO, false},
    {FAMILY_IPV6, srh6_empty, "-m srh ! --srh-lsid 2001:db8::/64", TRUTH_NO, false},
    {FAMILY_IPV6, srh6_empty, "-m srh --srh-nsid ::/0", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-m hbh", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-len 8", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m hbh ! --hbh-len 8", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-opts 5:2", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-opts 5,1", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-opts 5:2,1:0", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-opts 1", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-opts 5:3", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-m hbh --hbh-opts 5,1,1", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-m dst --dst-opts 1:2", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m dst --dst-opts 1:2,0", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-p mh -m mh", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-p mh -m mh --mh-type 5", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-p mh -m mh --mh-type bu", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-p mh -m mh ! --mh-type 3:7", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-p mh -m mh --mh-type :4", TRUTH_NO, false},
    {FAMILY_IPV6, hbh6, "-m ipv6header --header hop,dst,prot", TRUTH_YES, false},
    {FAMILY_IPV6, hbh6, "-m ipv6header ! --header hop,dst,prot", TRUTH_NO, false},
    {FAMILY_IPV6, mh6_followed, "-p mh -m mh", TRUTH_NO, true},
    {FAMILY_IPV6, dst6_long, "-m dst", TRUTH_NO, true},
    {FAMILY_IPV6, dst6_long, "-m hbh", TRUTH_NO, false},
    {FAMILY_IPV6, dst6_long, "-m dst --dst-opts 1", TRUTH_NO, true},
    {FAMILY_IPV6, dst6_long, "-m ipv6header --header dst,prot", TRUTH_YES, false},
    {FAMILY_IPV6, dst6_option_long, "-m dst --dst-opts 1", TRUTH_YES, false},
    {FAMILY_IPV6, dst6_option_long, "-m dst --dst-opts 1,1", TRUTH_NO, false},
    {FAMILY_IPV6, dst6_option_long, "-m dst --dst-opts 0", TRUTH_NO, false},
    {FAMILY_IPV6, none6, "-m ipv6header --header none", TRUTH_YES, false},
    {FAMILY_IPV6, none6, "-m ipv6header --header none,prot", TRUTH_NO, false},
    {FAMILY_IPV6, none6, "-m ipv6header --header prot --soft", TRUTH_NO, false},
    {FAMILY_IPV6, esp6, "-p esp -m esp --espspi 7", TRUTH_YES, false},
    {FAMILY_IPV6, esp6, "-m ipv6header --header dst,esp", TRUTH_YES, false},
    {FAMILY_IPV6, esp6, "-m ipv6header --header dst,esp,prot", TRUTH_NO, false},
    {FAMILY_IPV6, late6, "-p tcp -m tcpmss --mss 1:2", TRUTH_NO, true},
    {FAMILY_IPV6, late6, "-p tcp -m ecn ! --ecn-tcp-ece", TRUTH_YES, false},
    {FAMILY_IPV6, late6, "-p tcp -m tcp --tcp-option 2", TRUTH_NO, false},
};

#endif
