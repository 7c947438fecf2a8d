//! Operations with a backward pass of their own, on Flex: what goes in as plain arrays comes out as one node of
//! autodiff's graph.

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

/// Whether `tensor` is tracked by autodiff over Flex, in f32: what the operations of this module are for.
pub(super) fn is_tracked<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device();
    device.is_autodiff() && is_flex(&device) && tensor.dtype() == burn::tensor::DType::F32
}

/// A tensor as the array behind it and its place in the graph.
pub(super) fn open<const D: usize>(tensor: Tensor<D>) -> (FlexTensor, NodeGuard) {
    tensor
        .try_into_primitive::<Autodiff<Flex>>()
        .expect("the caller has asked `is_tracked`")
        .into_parts()
}

/// The node of `output`, computed from `inputs`. `backward` is given the gradient of the output and says which inputs
/// want one; what it returns for others is dropped.
pub(super) fn record<const N: usize, const D: usize>(
    inputs: [NodeGuard; N],
    output: FlexTensor,
    backward: impl FnOnce(FlexTensor, [bool; N]) -> [Option<FlexTensor>; N] + Send + 'static,
) -> Tensor<D> {
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
