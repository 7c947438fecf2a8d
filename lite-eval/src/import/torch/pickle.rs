//! The stack machine of pickles, protocols 2 to 5, as far as `torch.save` uses them.
//!
//! Nothing is imported or called. Every opcode is paid for from a fixed budget, and what an opcode makes is no larger
//! than what it takes from the stack, so that neither a memo that doubles itself nor a large count costs memory.

mod build;

use std::collections::HashMap;

use super::error::{TorchError, shown};
use super::objects::{Class, Id, Node, Objects};
use super::read::Reader;

/// Opcodes of a pickle. A checkpoint of a thousand tensors with Adam's state has some 100,000.
const BUDGET: usize = 1 << 22;

/// Runs the pickle at `start`. Returns what it builds and the position behind it.
pub(super) fn unpickle(bytes: &[u8], start: usize) -> Result<(Objects<'_>, usize), TorchError> {
    let mut machine = Machine {
        reader: Reader::new(bytes, start),
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        opcode_at: start,
        budget: BUDGET,
    };
    let root = machine.run()?;
    let end = machine.reader.position();
    let nodes = machine.nodes;
    Ok((Objects { nodes, root }, end))
}

struct Machine<'a> {
    reader: Reader<'a>,
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    opcode_at: usize,
    budget: usize,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, TorchError> {
        loop {
            self.opcode_at = self.reader.position();
            self.spend(1)?;
            let opcode = self.reader.u8()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), TorchError> {
        match opcode {
            0x80 => match self.reader.u8()? {
                2..=5 => {}
                other => return Err(self.error(format!("protocol {other}"), "protocol 2 to 5")),
            },
            // FRAME: a length that only helps buffering.
            0x95 => drop(self.reader.u64()?),
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'J' => {
                let value = self.reader.u32()? as i32;
                self.push(Node::Int(value.into()));
            }
            b'K' => {
                let value = self.reader.u8()?;
                self.push(Node::Int(value.into()));
            }
            b'M' => {
                let value = self.reader.u16()?;
                self.push(Node::Int(value.into()));
            }
            0x8a => {
                let length = self.reader.u8()?;
                self.long(length.into())?;
            }
            0x8b => {
                let length = self.reader.u32()?;
                self.long(length.into())?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.reader.array()?);
                self.push(Node::Float(value));
            }
            // Text; `T` and `U` are Python 2's `str`.
            b'X' | b'T' => {
                let length = self.reader.u32()?;
                self.text(length.into())?;
            }
            0x8c | b'U' => {
                let length = self.reader.u8()?;
                self.text(length.into())?;
            }
            0x8d => {
                let length = self.reader.u64()?;
                self.text(length)?;
            }
            b'B' => {
                let length = self.reader.u32()?;
                self.bytes(length.into())?;
            }
            b'C' => {
                let length = self.reader.u8()?;
                self.bytes(length.into())?;
            }
            0x8e | 0x96 => {
                let length = self.reader.u64()?;
                self.bytes(length)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b']' => self.push(Node::List(Vec::new())),
            b')' => self.push(Node::Tuple(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            0x8f => self.push(Node::Set),
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Node::List(items));
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Node::Tuple(items));
            }
            0x85..=0x87 => {
                let items = self.pop_n((opcode - 0x84).into())?;
                self.push(Node::Tuple(items));
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                let entries = self.pairs(&items)?;
                self.push(Node::Dict(entries));
            }
            0x91 => {
                self.pop_to_mark()?;
                self.push(Node::Set);
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let items = self.pop_n(2)?;
                self.set_items(&items)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            // ADDITEMS: what is in a set is of no use here.
            0x90 => drop(self.pop_to_mark()?),
            b'q' => {
                let key = self.reader.u8()?;
                self.remember(key.into())?;
            }
            b'r' => {
                let key = self.reader.u32()?;
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let key = self.reader.u8()?;
                self.recall(key.into())?;
            }
            b'j' => {
                let key = self.reader.u32()?;
                self.recall(key)?;
            }
            b'c' => {
                let module = self.reader.line()?;
                let name = self.reader.line()?;
                self.push(Node::Class(Box::new(Class { module, name })));
            }
            0x93 => {
                let name = self.pop_text()?;
                let module = self.pop_text()?;
                self.push(Node::Class(Box::new(Class { module, name })));
            }
            b'Q' => self.persistent()?,
            b'R' => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.call(function, arguments)?;
            }
            0x81 => {
                let [class, _arguments] = self.pop_array()?;
                self.push(Node::Object { class, state: None });
            }
            0x92 => {
                let [class, _arguments, _keywords] = self.pop_array()?;
                self.push(Node::Object { class, state: None });
            }
            b'b' => self.build()?,
            other => {
                let found = format!("opcode {other:#04x}");
                return Err(self.error(found, "an opcode that torch.save writes"));
            }
        }
        Ok(())
    }

    fn error(&self, found: impl Into<String>, expected: impl Into<String>) -> TorchError {
        TorchError::at(self.opcode_at, found, expected)
    }

    fn spend(&mut self, cost: usize) -> Result<(), TorchError> {
        match self.budget.checked_sub(cost) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.error("a longer pickle", format!("{BUDGET} opcodes at most"))),
        }
    }

    fn push(&mut self, node: Node<'a>) {
        // The budget keeps the number of nodes far below 2^32.
        self.stack.push(Id(self.nodes.len() as u32));
        self.nodes.push(node);
    }

    fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// The lowest height that may be popped: what lies below a mark belongs to what comes after it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, TorchError> {
        let [id] = self.pop_array()?;
        Ok(id)
    }

    fn pop_array<const N: usize>(&mut self) -> Result<[Id; N], TorchError> {
        if self.stack.len() < self.floor() + N {
            let found = format!("{} values on the stack", self.stack.len() - self.floor());
            return Err(self.error(found, format!("{N}")));
        }
        let mut ids = [Id(0); N];
        ids.copy_from_slice(&self.stack[self.stack.len() - N..]);
        self.stack.truncate(self.stack.len() - N);
        Ok(ids)
    }

    fn pop_n(&mut self, n: usize) -> Result<Vec<Id>, TorchError> {
        Ok(match n {
            1 => self.pop_array::<1>()?.to_vec(),
            2 => self.pop_array::<2>()?.to_vec(),
            _ => self.pop_array::<3>()?.to_vec(),
        })
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, TorchError> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(self.error("no mark on the stack", "one")),
        }
    }

    fn pop_text(&mut self) -> Result<&'a [u8], TorchError> {
        let id = self.pop()?;
        match *self.node(id) {
            Node::Text(text) => Ok(text),
            _ => Err(self.error("another value", "the name of a class")),
        }
    }

    fn top(&self) -> Result<Id, TorchError> {
        match self.stack.last() {
            Some(id) if self.stack.len() > self.floor() => Ok(*id),
            _ => Err(self.error("an empty stack", "a value")),
        }
    }

    fn remember(&mut self, key: u32) -> Result<(), TorchError> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), TorchError> {
        match self.memo.get(&key) {
            Some(id) => {
                self.stack.push(*id);
                Ok(())
            }
            None => Err(self.error(format!("memo entry {key}"), "one that was written before")),
        }
    }

    fn text(&mut self, length: u64) -> Result<(), TorchError> {
        let text = self.reader.take(length)?;
        self.push(Node::Text(text));
        Ok(())
    }

    fn bytes(&mut self, length: u64) -> Result<(), TorchError> {
        let bytes = self.reader.take(length)?;
        self.push(Node::Bytes(bytes));
        Ok(())
    }

    /// A two's complement integer of any length.
    fn long(&mut self, length: u64) -> Result<(), TorchError> {
        let bytes = self.reader.take(length)?;
        let node = if bytes.len() <= 8 {
            let sign = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
            let mut wide = [if sign { 0xff } else { 0 }; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            Node::Int(i64::from_le_bytes(wide))
        } else {
            Node::Huge
        };
        self.push(node);
        Ok(())
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, TorchError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if rest.is_empty() {
            Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
        } else {
            Err(self.error("a key without a value", "pairs"))
        }
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), TorchError> {
        let top = self.top()?;
        match &mut self.nodes[top.0 as usize] {
            Node::List(list) => list.extend(items),
            // A subclass of a list, which nothing here reads.
            Node::Object { .. } => {}
            _ => return Err(self.error("another value", "a list to append to")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), TorchError> {
        let entries = self.pairs(items)?;
        let top = self.top()?;
        match &mut self.nodes[top.0 as usize] {
            Node::Dict(dict) => dict.extend(entries),
            // A subclass of a dictionary, which nothing here reads.
            Node::Object { .. } => {}
            _ => return Err(self.error("another value", "a dictionary to put entries in")),
        }
        Ok(())
    }

    /// Sets an object's attributes.
    fn build(&mut self) -> Result<(), TorchError> {
        let attributes = self.pop()?;
        let top = self.top()?;
        if let Node::Object { state, .. } = &mut self.nodes[top.0 as usize] {
            *state = Some(attributes);
        }
        Ok(())
    }
}

/// For messages: what a node is, in a few words.
pub(super) fn describe(objects: &Objects<'_>, id: Id) -> String {
    let class_name = |id: Id| match objects.node(id) {
        Node::Class(class) => format!("{}.{}", shown(class.module), shown(class.name)),
        _ => "?".into(),
    };
    match objects.node(id) {
        Node::None => "None".into(),
        Node::Bool(true) => "True".into(),
        Node::Bool(false) => "False".into(),
        Node::Int(value) => value.to_string(),
        Node::Huge => "an integer of more than 64 bits".into(),
        Node::Float(value) => format!("{value:?}"),
        Node::Text(text) => format!("'{}'", shown(text)),
        Node::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Node::List(items) => format!("a list of {}", items.len()),
        Node::Tuple(items) => format!("a tuple of {}", items.len()),
        Node::Set => "a set".into(),
        Node::Dict(entries) => format!("a dictionary of {}", entries.len()),
        Node::Class(_) => format!("the class {}", class_name(id)),
        Node::Object { class, .. } => format!("an object of {}", class_name(*class)),
        Node::Storage(storage) => format!("a storage of {} {}", storage.n_elements, storage.dtype),
        Node::Tensor(view) => format!("a tensor of shape {:?}", view.shape),
    }
}
