#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Man pages and shell completion, out of what is said already: `alnd help` and `alnd help COMMAND`, `alnd describe`, `alnd-worker`
without arguments, the comment of alnd-lmp, README.md's first paragraph, docs/commands.md. Nothing is written here a second time.

generate.py BIN_DIR SOURCE_DIR VERSION OUT_DIR"""
import os
import re
import subprocess
import sys
import time

# An option, and its value where one blank parts them; two or more blanks: what follows is the help.
OPTION = re.compile(r'(?<![\w-])(--?[a-z][a-z.-]*\w|-[a-z])(?![\w.-])(?: ("[^"]*"|[A-Za-z0-9][^\s\],]*(?: \| \w+)*))?')
FIXED = {'--help': 'the usage of the command'}


class Option:
    def __init__(self, name, value, text):
        self.name, self.value, self.text = name, value, text

    def choices(self):
        """nve|nvt|npt, not FILE | DIR"""
        words = re.split(r' ?\| ?', self.value or '')
        return words if len(words) > 1 and all(w.islower() for w in words) else []

    def kind(self):
        if not self.value:
            return 'flag'
        if self.choices():
            return 'choice'
        if re.search(r'DIR|FILE|DATA|FRAMES|TABLE|MODEL|DP$|\.(yaml|extxyz|dp)\b', self.value):
            return 'path'
        return 'other'


class Command:
    def __init__(self, name, args, text, usage):
        self.name, self.args, self.text = name, args, text
        usage = usage[len('usage: '):]
        self.synopsis, _, rest = usage.partition('\n\n')
        body, _, _ = rest.rpartition(text)
        self.body = body.strip('\n')
        self.options = self.find_options()
        self.keys = '--KEY VALUE' in self.body

    def find_options(self):
        found = {}
        for line in (self.synopsis + '\n' + self.body).splitlines():
            cells = re.split(r' {2,}', line.strip(), maxsplit=1)
            for name, value in OPTION.findall(cells[0] if line.startswith('  ') else line):
                text = cells[1] if len(cells) > 1 and line.startswith('  -') else ''
                old = found.get(name)
                if not old:
                    found[name] = Option(name, value, text)
                else:
                    old.value, old.text = old.value or value, old.text or text
        return list(found.values())


def run(*command):
    p = subprocess.run(command, capture_output=True, text=True, check=False)
    if p.returncode not in (0, 2):
        sys.exit(f'{command}: {p.returncode}\n{p.stdout}{p.stderr}')
    return p.stdout + p.stderr


class Source:
    def __init__(self, bin_dir, source, version):
        self.version = version
        readme = os.path.join(source, 'README.md')
        when = int(os.environ.get('SOURCE_DATE_EPOCH', os.stat(readme).st_mtime))
        self.date = time.strftime('%Y-%m-%d', time.gmtime(when))
        alnd = os.path.join(bin_dir, 'alnd')
        text = run(alnd, 'help')
        self.title = text.splitlines()[0].partition(': ')[2]
        self.after = text.strip().rpartition('\n\n')[2]
        names = re.findall(r'^  alnd (\w+)', text, re.M)
        if len(names) < 10:
            sys.exit('alnd help lists no commands')
        self.commands = []
        for name in names:
            usage = run(alnd, 'help', name)
            line = usage.rstrip('\n').rpartition('\n\n')[2]
            self.commands.append(Command(name, '', line, usage.rstrip('\n')))
        self.keys = re.findall(r'^(\S+)\s+(.*)\n    (.*)$', run(alnd, 'describe'), re.M)
        self.worker = run(os.path.join(bin_dir, 'alnd-worker'))
        with open(os.path.join(bin_dir, 'alnd-lmp'), encoding='utf-8') as f:
            self.lmp = comment(f.read())
        with open(readme, encoding='utf-8') as f:
            self.intro = f.read().split('\n\n')[1]
        with open(os.path.join(source, 'docs/commands.md'), encoding='utf-8') as f:
            parts = re.split(r'^## (.*)\n', f.read(), flags=re.M)
        self.sections = dict(zip(parts[1::2], parts[2::2]))


def comment(text):
    """The comment at the head of a script."""
    lines = [line[2:] for line in re.match(r'(#.*\n)*', text)[0].splitlines()]
    return '\n'.join(lines[3:]).strip()  # without the interpreter and the licence


# --- man pages ---------------------------------------------------------------------------------------------

def roff(text):
    """A line of text; one that begins with a dot or a quote would be a request."""
    text = text.replace('\\', '\\e').replace('-', '\\-').replace('^', '\\(ha').replace('~', '\\(ti').replace('`', '\\(ga').replace("'", '\\(aq')
    return re.sub(r'^([.\\]\(aq)', r'\\&\1', re.sub(r'^\.', r'\\&.', text))


def markup(text):
    """A paragraph of Markdown: `code` and **bold** in bold, links by their text."""
    text = re.sub(r'\[([^\]]+)\]\([^)]*\)', r'\1', text)
    out = []
    for k, part in enumerate(re.split(r'`([^`]*)`', text)):
        if k % 2:
            out.append('\\fB' + roff(part) + '\\fR')
        else:
            out.append(re.sub(r'\*\*([^*]+)\*\*', r'\\fB\1\\fR', roff(part) if not out else roff('x' + part)[1:]))
    return ''.join(out)


def paragraphs(markdown):
    """Prose alone: no code, no tables."""
    prose = re.sub(r'^```.*?^```\n', '', markdown, flags=re.M | re.S)
    for block in re.split(r'\n\s*\n', prose):
        if block.strip() and not re.match(r'[|#]|    ', block):
            yield markup(' '.join(block.split()))


def table(markdown):
    rows = [[c.strip() for c in line.strip().strip('|').split('|')] for line in markdown.splitlines() if line.startswith('|')]
    return rows[2:]


def literal(text):
    return ['.PP', '.nf'] + [roff(line) for line in text.splitlines()] + ['.fi']


def page(name, section, source, title, lines):
    head = ['.\\" Generated by docs/man/generate.py; do not edit.',
            f'.TH {name} {section} {source.date} "alnd {source.version}" "alnd"', '.SH NAME', f'{roff(title[0])} \\- {roff(title[1])}']
    return '\n'.join(head + lines) + '\n'


def alnd_1(s):
    out = ['.SH SYNOPSIS', '.B alnd', '.I COMMAND', '[\\fIARGUMENT\\fR ...]', '.br', '.B alnd', '\\-\\-help | \\-\\-version',
           '.SH DESCRIPTION', markup(' '.join(s.intro.split())), '.SH COMMANDS']
    for c in s.commands:
        out += [f'.SS {c.name}', roff(c.text[0].upper() + c.text[1:]) + '.', '.PP', '.nf']
        out += ['\\fB' + roff(line.strip()) + '\\fR' for line in c.synopsis.splitlines()] + ['.fi']
        if c.body:
            out += literal(c.body)
        for p in paragraphs(s.sections.get('alnd ' + c.name, '')):
            out += ['.PP', p]
    out += ['.PP', roff(s.after.splitlines()[0])]
    out += ['.SH "WHAT FAILS, AND WHAT HAPPENS THEN"']
    for what, happens in table(s.sections['What fails, and what happens then']):
        out += ['.TP', markup(what), markup(happens)]
    for p in paragraphs(s.sections['What fails, and what happens then']):
        out += ['.PP', p]
    out += ['.SH ENVIRONMENT']
    for name, meaning in table(s.sections['Environment']):
        out += ['.TP', markup(name), markup(meaning)]
    out += ['.SH "EXIT STATUS"']
    for code, meaning in re.findall(r'(\d) ((?:[^,(]|\([^)]*\))+)', s.after.splitlines()[1]):
        out += ['.TP', f'.B {code}', roff(meaning.strip(' .'))]
    out += ['.SH "SEE ALSO"', '.BR loop.yaml (5),', '.BR alnd\\-worker (1),', '.BR alnd\\-lmp (1);',
            'the manual in share/doc/alnd of the installation.']
    return page('ALND', 1, s, ('alnd', s.title), out)


def worker_1(s):
    text = s.worker[len('usage: '):]
    synopsis, _, verbs = text.partition('\n')
    words = re.match(r'(\S+ \S+ \S+)\s+\((.*)\)', synopsis)
    out = ['.SH SYNOPSIS', '.B ' + roff(words[1]), '.SH DESCRIPTION', roff(words[2][0].upper() + words[2][1:]) + '.', '.PP', roff(verbs.strip()),
           '.SH "SEE ALSO"', '.BR alnd (1)']
    return page('ALND\\-WORKER', 1, s, ('alnd-worker', 'does one task of a run of alnd'), out)


def lmp_1(s):
    first, *blocks = s.lmp.split('\n\n')
    usage, _, text = first.partition(': ')
    out = ['.SH SYNOPSIS', '.B ' + roff(usage), '.SH DESCRIPTION', markup(' '.join(text.split())[0].upper() + ' '.join(text.split())[1:])]
    out += ['.SH ENVIRONMENT']
    for line in '\n'.join(blocks).splitlines():
        m = re.match(r'\s*(ALND_\w+)\s+(.*)', line)
        out += ['.TP', '.B ' + m[1], markup(m[2])] if m else [markup(line.strip())]
    out += ['.SH "SEE ALSO"', '.BR alnd (1);', 'docs/handoff.md in share/doc/alnd of the installation.']
    return page('ALND\\-LMP', 1, s, ('alnd-lmp', "LAMMPS with alnd's library in place of deepmd-kit's"), out)


def loop_yaml_5(s):
    out = ['.SH DESCRIPTION', 'The file of a run of', '.BR alnd (1),', 'in YAML. A key',
           '\\fBa.b\\fR is \\fBb\\fR in the section \\fBa\\fR. Numbers with a dimension are written with their unit.']
    section = None
    for name, kind, doc in s.keys:
        here = name.split('.')[0] if '.' in name else ''
        if here != section:
            out += ['.SH ' + (here.upper() if here else '"TOP LEVEL"')]
            section = here
        out += ['.TP', f'\\fB{roff(name)}\\fR ({roff("x" + kind)[1:]})', markup(doc)]
    out += ['.SH "SEE ALSO"', '.BR alnd (1)']
    return page('LOOP.YAML', 5, s, ('loop.yaml', 'the campaign of alnd: systems, training, exploration, labels, production'), out)


# --- completion --------------------------------------------------------------------------------------------

def words_of(c, s):
    """What may follow a command besides options and files."""
    if c.name == 'help':
        return [x.name for x in s.commands]
    if c.name == 'describe':
        return sorted({'.'.join(k.split('.')[:n]) for k, _, _ in s.keys for n in range(1, k.count('.') + 2)})
    return []


def options_of(c, s):
    keys = [Option('--' + k[len('train.'):], 'VALUE', doc) for k, _, doc in s.keys if k.startswith('train.')] if c.keys else []
    have = {o.name for o in c.options}
    return c.options + [o for o in keys if o.name not in have] + [Option('--help', '', FIXED['--help'])]


def bash(s):
    lines = ['# bash completion of alnd; generated by docs/man/generate.py', '_alnd()', '{', '    local cur=$2 prev=$3 command=${COMP_WORDS[1]}',
             '    COMPREPLY=()', '    if [ "$COMP_CWORD" -eq 1 ]; then',
             f'        COMPREPLY=($(compgen -W "{" ".join(c.name for c in s.commands)} --help --version" -- "$cur"))', '        return', '    fi',
             '    case "$command $prev" in']
    for c in s.commands:
        for o in options_of(c, s):
            if o.kind() == 'choice':
                lines.append(f'    "{c.name} {o.name}") COMPREPLY=($(compgen -W "{" ".join(o.choices())}" -- "$cur")); return ;;')
            elif o.kind() == 'other':  # a number: no file is meant
                lines.append(f'    "{c.name} {o.name}") compopt +o default +o bashdefault 2>/dev/null; return ;;')
    lines += ['    esac', '    case "$command" in']
    for c in s.commands:
        options = ' '.join(o.name for o in options_of(c, s))
        other = ' '.join(words_of(c, s))
        lines.append(f'    {c.name}) if [ "${{cur#-}}" != "$cur" ]; then COMPREPLY=($(compgen -W "{options}" -- "$cur"))')
        lines.append(f'        else COMPREPLY=($(compgen -W "{other}" -- "$cur")); fi ;;' if other else '        fi ;;')
    lines += ['    esac', '}', 'complete -o bashdefault -o default -F _alnd alnd']
    return '\n'.join(lines) + '\n'


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh(s):
    clean = lambda text: re.sub(r'[\[\]:]', lambda m: '\\' + m[0], text)
    lines = ['#compdef alnd', '# zsh completion of alnd; generated by docs/man/generate.py', 'local -a commands', 'commands=(']
    lines += ['    ' + quoted(f'{c.name}:{clean(c.text)}') for c in s.commands]
    lines += [')', 'if (( CURRENT == 2 )); then', "    _describe -t commands 'alnd command' commands", '    return', 'fi', 'local command=$words[2]',
              'shift words', '(( CURRENT-- ))', 'case $command in']
    for c in s.commands:
        specs = []
        for o in options_of(c, s):
            value = {'flag': '', 'choice': f':value:({" ".join(o.choices())})', 'path': ':path:_files', 'other': ':value: '}[o.kind()]
            specs.append(quoted(f'{o.name}[{clean(o.text or c.text)}]{value}'))
        other = words_of(c, s)
        specs.append(quoted(f'*:argument:({" ".join(other)})' if other else '*:file:_files'))
        lines += [f'{c.name})', '    _arguments \\', ' \\\n'.join('        ' + x for x in specs), '    ;;']
    return '\n'.join(lines + ['esac']) + '\n'


def fish(s):
    lines = ['# fish completion of alnd; generated by docs/man/generate.py',
             'complete -c alnd -n __fish_use_subcommand -f -l help -d ' + quoted('all commands'),
             'complete -c alnd -n __fish_use_subcommand -f -l version']
    for c in s.commands:
        lines.append(f'complete -c alnd -n __fish_use_subcommand -f -a {c.name} -d {quoted(c.text)}')
        seen = f"-n '__fish_seen_subcommand_from {c.name}'"
        for o in options_of(c, s):
            name = '-l ' + o.name[2:] if o.name.startswith('--') else '-s ' + o.name[1:]
            value = {'flag': '', 'choice': f' -x -a {quoted(" ".join(o.choices()))}', 'path': ' -r', 'other': ' -x'}[o.kind()]
            lines.append(f'complete -c alnd {seen} {name}{value}' + (f' -d {quoted(o.text)}' if o.text else ''))
        if words_of(c, s):
            lines.append(f'complete -c alnd {seen} -f -a {quoted(" ".join(words_of(c, s)))}')
    return '\n'.join(lines) + '\n'


def main():
    bin_dir, source, version, out = sys.argv[1:]
    s = Source(bin_dir, source, version)
    os.makedirs(out, exist_ok=True)
    for name, make in (('alnd.1', alnd_1), ('alnd-worker.1', worker_1), ('alnd-lmp.1', lmp_1), ('loop.yaml.5', loop_yaml_5),
                       ('alnd.bash', bash), ('_alnd', zsh), ('alnd.fish', fish)):
        with open(os.path.join(out, name), 'w', encoding='utf-8') as f:
            f.write(make(s))


if __name__ == '__main__':
    main()
