//! Slices that carry no more than their own values: Arrow's writer cuts most types itself, but not these.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UnionArray};
use arrow_schema::{ArrowError, DataType, UnionMode};

/// The batch, without values that none of its rows has.
pub(super) fn batch(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(column).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn column(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        DataType::Union(_, UnionMode::Dense) => Arc::new(union(column.as_union())?),
        _ => Arc::clone(column),
    })
}

/// Cuts each child to what the rows use of it.
fn union(array: &UnionArray) -> Result<UnionArray, ArrowError> {
    let offsets = array.offsets().map(|offsets| &offsets[..]).unwrap_or_default();
    let mut used = [(usize::MAX, 0usize); 128];
    for (of, offset) in array.type_ids().iter().zip(offsets) {
        // Type ids and offsets are checked when the array is made: none is negative.
        let (first, end) = &mut used[*of as usize & 127];
        *first = (*first).min(*offset as usize);
        *end = (*end).max(*offset as usize + 1);
    }
    let shifted = array.type_ids().iter().zip(offsets);
    let shifted: Vec<i32> = shifted.map(|(of, offset)| offset - used[*of as usize & 127].0 as i32).collect();
    let children = array.fields().iter().map(|(of, _)| match used[of as usize & 127] {
        (first, end) if first < end => array.child(of).slice(first, end - first),
        _ => array.child(of).slice(0, 0),
    });
    UnionArray::try_new(array.fields().clone(), array.type_ids().clone(), Some(shifted.into()), children.collect())
}
