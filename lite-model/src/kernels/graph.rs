//! Operations with a backward pass of their own, on Flex: what goes in as plain arrays comes out as one node of
//! autodiff's graph, or as a tensor alone where nothing is tracked.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use crate::device::is_flex;

/// Whether `tensor` is one of Flex in f32, tracked or not: what the operations of this module are for.
pub(super) fn is_ours<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_flex(&tensor.device()) && tensor.dtype() == burn::tensor::DType::F32
}

/// Whether such a tensor is tracked by autodiff.
pub(super) fn is_tracked<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device().is_autodiff() && is_ours(tensor)
}

/// A tensor as the array behind it and, if it is tracked, its place in the graph.
pub(super) fn open<const D: usize>(tensor: Tensor<D>) -> (FlexTensor, Option<NodeGuard>) {
    const ASKED: &str = "the caller has asked `is_ours`";
    if !tensor.device().is_autodiff() {
        return (tensor.try_into_primitive::<Flex>().expect(ASKED), None);
    }
    let tensor = tensor.try_into_primitive::<Autodiff<Flex>>().expect(ASKED);
    let (array, node) = tensor.into_parts();
    (array, Some(node))
}

/// The node of `output`, computed from `inputs`, of which either all or none are tracked. `backward` is given the gradient
/// of the output and says which inputs want one; what it returns for others is dropped.
pub(super) fn record<const N: usize, const D: usize>(
    inputs: [Option<NodeGuard>; N],
    output: FlexTensor,
    backward: impl FnOnce(FlexTensor, [bool; N]) -> [Option<FlexTensor>; N] + Send + 'static,
) -> Tensor<D> {
    let inputs: Vec<NodeGuard> = inputs.into_iter().flatten().collect();
    let Ok(inputs) = <[NodeGuard; N]>::try_from(inputs) else {
        return Tensor::from_primitive::<Flex>(output);
    };
    let prepared = Operation.prepare::<NoCheckpointing>(inputs).compute_bound();
    let output = match prepared.stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(Pass::new(backward), output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

type Call<const N: usize> = Box<dyn FnOnce(FlexTensor, [bool; N]) -> [Option<FlexTensor>; N] + Send>;

/// A backward pass, which runs once.
#[derive(Clone)]
struct Pass<const N: usize>(Arc<Mutex<Option<Call<N>>>>);

impl<const N: usize> Pass<N> {
    fn new(call: impl FnOnce(FlexTensor, [bool; N]) -> [Option<FlexTensor>; N] + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(call)))))
    }
}

impl<const N: usize> std::fmt::Debug for Pass<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pass")
    }
}

#[derive(Debug)]
struct Operation;

impl<const N: usize> Backward<Flex, N> for Operation {
    type State = Pass<N>;

    fn backward(self, ops: Ops<Pass<N>, N>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let call = ops.state.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let call = call.expect("a graph is walked back once");
        let nodes: [Option<NodeId>; N] = ops.parents.map(|node| node.map(|node| node.id));
        let found = call(gradient, nodes.each_ref().map(Option::is_some));
        for (node, gradient) in nodes.into_iter().zip(found) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                gradients.register::<Flex>(node, gradient);
            }
        }
    }
}
