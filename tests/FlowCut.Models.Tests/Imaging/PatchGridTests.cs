using FlowCut.Models.Imaging;

namespace FlowCut.Models.Tests.Imaging;

public class PatchGridTests
{
    [Fact]
    public void Patches_are_numbered_row_by_row()
    {
        var grid = new PatchGrid(3, 2, 0, 0, 30, 20);
        Assert.Equal([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)], Enumerable.Range(0, 6).Select(grid.Cell));
    }

    [Fact]
    public void Groups_are_numbered_row_by_row_and_so_are_their_members()
    {
        var grid = new PatchGrid(4, 4, 0, 0, 40, 40) { GroupSide = 2 };
        Assert.Equal(
            [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (3, 0), (2, 1), (3, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 2), (3, 2), (2, 3), (3, 3)],
            Enumerable.Range(0, 16).Select(grid.Cell));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(6)]
    public void A_number_beyond_the_grid_is_refused(int patch) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new PatchGrid(3, 2, 0, 0, 30, 20).Cell(patch));
}
