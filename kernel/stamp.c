/* A plugin of another ABI must be refused before any of its code runs, and loading runs code (constructors). So the
 * stamp is read from the file's bytes: the dynamic symbol table names gv_plugin, its section says where in the file it
 * lies. Every offset is checked. */
#include "stamp.h"
#include "text.h"

#include <galvan/plugin.h>

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#define SYMBOL "gv_plugin"

typedef ElfW(Ehdr) ehdr;
typedef ElfW(Shdr) shdr;
typedef ElfW(Sym) sym;

struct view {
	const uint8_t *data;
	size_t size;
};

static bool copy_out(struct view v, uint64_t offset, void *ret, size_t size)
{
	if (offset > v.size || v.size - offset < size)
		return false;
	memcpy(ret, v.data + offset, size);
	return true;
}

static bool section_at(struct view v, const ehdr *e, uint64_t index, shdr *ret)
{
	return index < e->e_shnum && copy_out(v, e->e_shoff + index * sizeof(shdr), ret, sizeof *ret);
}

/* The dynamic linker maps this program's own ELF header: the symbol marks its place in every executable and shared
 * object. */
extern const ehdr __ehdr_start __attribute__((visibility("hidden")));

static uint16_t own_machine(void)
{
	return __ehdr_start.e_machine;
}

static bool read_header(struct view v, ehdr *ret)
{
	static const uint16_t one = 1;
	unsigned char native = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;

	if (!copy_out(v, 0, ret, sizeof *ret) || memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (ret->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    ret->e_ident[EI_DATA] != native)
		return false;
	return ret->e_type == ET_DYN && ret->e_machine == own_machine() && ret->e_shentsize == sizeof(shdr) &&
	       ret->e_shoff <= v.size;
}

/* True if the string at `offset` of the string table is the symbol's name. */
static bool is_name(struct view v, const shdr *strings, uint64_t offset)
{
	char name[sizeof SYMBOL];

	if (offset >= strings->sh_size || strings->sh_size - offset < sizeof name || strings->sh_offset > v.size)
		return false;
	return copy_out(v, strings->sh_offset + offset, name, sizeof name) && memcmp(name, SYMBOL, sizeof name) == 0;
}

/* Finds the symbol in one dynamic symbol table. */
static bool find_symbol(struct view v, const ehdr *e, const shdr *symbols, sym *ret)
{
	shdr strings;
	uint64_t count = symbols->sh_size / sizeof(sym);

	if (symbols->sh_offset > v.size || symbols->sh_size > v.size || !section_at(v, e, symbols->sh_link, &strings))
		return false;
	for (uint64_t i = 0; i < count; i++) {
		sym s;
		if (!copy_out(v, symbols->sh_offset + i * sizeof s, &s, sizeof s))
			return false;
		if (s.st_shndx != SHN_UNDEF && is_name(v, &strings, s.st_name)) {
			*ret = s;
			return true;
		}
	}
	return false;
}

int gv_stamp_read(const uint8_t *file, size_t size, const char *path, struct gv_stamp *ret, char **ret_error)
{
	struct view v = { file, size };
	struct gv_stamp stamp;
	shdr section;
	ehdr e;
	sym s;

	if (!read_header(v, &e))
		return gv_text_error(ret_error, -EINVAL, "%s is no plugin: it is not a shared object for this machine",
				     path);
	for (uint64_t i = 0; i < e.e_shnum; i++) {
		if (!section_at(v, &e, i, &section))
			break;
		if (section.sh_type != SHT_DYNSYM || !find_symbol(v, &e, &section, &s))
			continue;
		if (!section_at(v, &e, s.st_shndx, &section) || section.sh_type == SHT_NOBITS ||
		    s.st_value < section.sh_addr ||
		    !copy_out(v, section.sh_offset + (s.st_value - section.sh_addr), &stamp, sizeof stamp))
			return gv_text_error(ret_error, -EINVAL,
					     "%s is no plugin: its symbol " SYMBOL " holds no record", path);
		*ret = stamp;
		return 0;
	}
	return gv_text_error(ret_error, -EINVAL,
			     "%s is no plugin: it exports no symbol " SYMBOL
			     " (define the record with GV_PLUGIN of galvan/plugin.h)",
			     path);
}

int gv_stamp_check(const struct gv_stamp *stamp, const char *path, char **ret_error)
{
	if (stamp->magic != GV_ABI_MAGIC)
		return gv_text_error(
			ret_error, -EINVAL,
			"%s is no plugin: its record begins with 0x%08x, not with 0x%08x (begin it with GV_STAMP)",
			path, stamp->magic, GV_ABI_MAGIC);
	if (stamp->abi_major != GV_ABI_MAJOR)
		return gv_text_error(ret_error, -EPROTONOSUPPORT,
				     "%s was built for plugin ABI %u.%u, this galvan has %u.%u: build the plugin with "
				     "this galvan's headers",
				     path, stamp->abi_major, stamp->abi_minor, GV_ABI_MAJOR, GV_ABI_MINOR);
	if (stamp->abi_minor > GV_ABI_MINOR)
		return gv_text_error(ret_error, -EPROTONOSUPPORT,
				     "%s needs plugin ABI %u.%u, this galvan has only %u.%u: update galvan, or build "
				     "the plugin with this "
				     "galvan's headers",
				     path, stamp->abi_major, stamp->abi_minor, GV_ABI_MAJOR, GV_ABI_MINOR);
	if (stamp->size < sizeof *stamp || stamp->size > 65536)
		return gv_text_error(ret_error, -EINVAL,
				     "%s is no plugin: its record says it is %u bytes long (begin it with GV_STAMP)",
				     path, stamp->size);
	return 0;
}
